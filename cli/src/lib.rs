//! The command line, and the whole of Pullcord in one process.

pub mod demo;
pub mod engines;
pub mod up;
