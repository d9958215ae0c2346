//! What tests stand on.
//!
//! A *world* is Pullcord as its users meet it, over HTTP: the local process, or
//! the stack deployed on an emulator of AWS. Scenarios are written once and run
//! in both. A *bench* is the inside of one process with every call to table,
//! queue and provider tapped, for what cannot be seen from outside.

#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a test that cannot go on has failed")]

pub mod bench;
pub mod due;
pub mod git_remote;
pub mod program;
pub mod receiver;
pub mod scenarios;
pub mod session;
pub mod sim;
pub mod world;
