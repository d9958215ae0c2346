//! One file per surface: its own dialect, the same doors.

pub(crate) mod console;
pub(crate) mod issues;
pub(crate) mod people;
pub(crate) mod projects;
pub(crate) mod runs;
pub(crate) mod sources;
pub(crate) mod system;

mod asking;
pub(crate) mod deciding;
mod ids;
