//! To be written.

crate::scenarios![];
