//! What the simulator promises, checked through its socket with a real client.

#![expect(clippy::disallowed_methods, reason = "these tests wait for a socket as a client does")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod access;
mod alerts;
mod bench;
mod bitbucket;
mod bitbucket_access;
mod control;
mod faults;
mod gitlab;
mod paging;
mod pulls;
mod quota;
mod vendors;
