//! The commands, one file each, in the order in which `pullcord --help` lists
//! them.

pub mod audit;
pub mod cancel;
pub mod completions;
pub mod doctor;
pub mod explain;
pub mod held;
pub mod items;
pub mod login;
pub mod member;
pub mod reset_backfill;
pub mod retry;
pub mod runs;
pub mod schedule;
pub mod search;
pub mod source;
pub mod sync;
pub mod token;
pub mod watch;
pub mod workspace;
