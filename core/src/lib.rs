//! All behaviour of Pullcord.
//!
//! The modules stand in reading order. The doors are verbs: everything a
//! person, a schedule or a message can make happen enters through one of them.
//! Below them come the words they speak, the memory they keep, the sources they
//! read and the ground they stand on. Functions, command line and tests only
//! call doors.

// The doors.
pub mod cancel;
pub mod credential;
pub mod deliver;
pub mod health;
pub mod manage;
pub mod notify;
pub mod schedule;
pub mod search;
pub mod status;
pub mod sync;
pub mod trigger;

// The words.
pub mod admission;
pub mod calendar;
pub mod error;
pub mod estimate;
pub mod model;
pub mod moves;
pub mod quota;
pub mod views;

// The memory.
pub mod queue;
pub mod store;

// The sources.
pub mod documents;
pub mod index;
pub mod providers;

// The ground.
pub mod chance;
pub mod clock;
pub mod config;
pub mod digest;
pub mod http;
pub mod minting;
pub mod plane;
pub mod planted;
pub mod telemetry;
pub mod vault;

pub use error::{Error, Fault, Refusal};
pub use plane::Plane;
