//! One file per surface: its own dialect, the same doors.

pub(crate) mod console;
pub(crate) mod families;
pub(crate) mod hooks;
pub(crate) mod indexes;
pub(crate) mod integrations;
pub(crate) mod issue_items;
pub(crate) mod issues;
pub(crate) mod notices;
pub(crate) mod people;
pub(crate) mod projects;
pub(crate) mod runs;
pub(crate) mod schedules;
pub(crate) mod sources;
pub(crate) mod system;
pub(crate) mod workspaces;

mod asking;
pub(crate) mod deciding;
mod ids;
mod words;
