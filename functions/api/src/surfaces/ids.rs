//! Names as they stand in a path. One that could not be anybody's is not found.

use pullcord_core::Error;
use pullcord_core::model::{ProjectId, RunId, SourceId, UserId, WorkspaceId, is_id};

pub(super) fn workspace(text: &str) -> Result<WorkspaceId, Error> {
    // The deployment itself is no workspace to look at.
    if is_id(text) { Ok(WorkspaceId::known(text)) } else { Err(Error::NotFound("workspace")) }
}

pub(super) fn source(text: &str) -> Result<SourceId, Error> {
    if is_id(text) { Ok(SourceId::known(text)) } else { Err(Error::NotFound("source")) }
}

pub(super) fn project(text: &str) -> Result<ProjectId, Error> {
    if is_id(text) { Ok(ProjectId::known(text)) } else { Err(Error::NotFound("project")) }
}

/// An item's id: 32 hexadecimal digits.
pub(super) fn item(text: &str) -> Result<&str, Error> {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if text.len() == 32 && text.bytes().all(is_digit) { Ok(text) } else { Err(Error::NotFound("item")) }
}

pub(super) fn run(text: &str) -> Result<RunId, Error> {
    RunId::parse(text).ok_or(Error::NotFound("run"))
}

pub(super) fn user(text: &str) -> UserId {
    UserId::known(text)
}

/// How many a list shows: what was asked for, within reason.
pub(super) fn limit(asked: Option<u64>) -> Result<usize, Error> {
    match asked.unwrap_or(50) {
        limit @ 1..=100 => Ok(limit as usize),
        _ => Err(Error::invalid("limit", "must be from 1 to 100")),
    }
}

/// An ISO 8601 duration that a caller wrote.
pub(super) fn duration(at: &str, text: Option<&str>) -> Result<Option<std::time::Duration>, Error> {
    text.map(|text| {
        pullcord_core::clock::parse_duration(text).ok_or_else(|| Error::invalid(at, "must be an ISO 8601 duration such as PT5M"))
    })
    .transpose()
}
