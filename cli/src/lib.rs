//! The command line: a client of the API like any other, and the local process
//! with its demo workspace.

// from what was typed to what was done
pub mod command_line;
pub mod commands;
pub mod known;
pub mod session;
// whom it talks to
pub mod client;
pub mod environment;
pub mod replies;
pub mod settings;
// what a person sees
pub mod advice;
pub mod asking;
pub mod failure;
pub mod following;
pub mod output;
pub mod progress;
pub mod refusal;
pub mod summary;
pub mod table;
pub mod text;
// the local process
pub mod demo;
pub mod engines;
pub mod up;
