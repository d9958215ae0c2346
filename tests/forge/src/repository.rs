//! The test's hand on one repository. It writes straight into the data, as people and robots do at the real forge
//! while a sync is under way.

use std::sync::Arc;

use crate::{issue::Issue, record::Record, seed::Seed, state::State};

/// A cheap handle; it follows the repository through renames.
#[derive(Clone)]
pub struct Repository {
    pub(crate) state: Arc<State>,
    pub(crate) id: u64,
}

impl Repository {
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The present name, `owner/name`; empty once removed.
    pub fn full_name(&self) -> String {
        self.read(Record::full_name).unwrap_or_default()
    }

    /// Adds that many issues with the shares of [`Seed::of`].
    pub fn seed_issues(&self, count: u64) {
        self.seed(&Seed::of(count));
    }

    /// Adds issues that look like a real project's; the same each time for the same name, time and numbers.
    pub fn seed(&self, seed: &Seed) {
        let now = self.state.now();
        let mut world = self.state.world();
        let revision = world.next_revision();
        if let Some(record) = world.records.get_mut(&self.id) {
            let issues = seed.issues(record, now, revision);
            record.append(issues);
        }
    }

    /// Adds an issue made now and gives its number. The closure may set everything but the number; it must not call
    /// the forge, whose lock is held.
    pub fn add_issue(&self, fill: impl FnOnce(&mut Issue)) -> u64 {
        self.write(|record, now, revision| record.add(fill, now, revision)).unwrap_or_default()
    }

    /// Changes an issue and sets `updated_at` from the clock, unless the closure sets it. `false` where there is none.
    /// The closure must not call the forge, whose lock is held.
    pub fn edit_issue(&self, number: u64, change: impl FnOnce(&mut Issue)) -> bool {
        self.write(|record, now, revision| record.edit(number, change, now, revision)).unwrap_or_default()
    }

    pub fn close_issue(&self, number: u64) -> bool {
        self.write(|record, now, revision| record.close(number, now, revision)).unwrap_or_default()
    }

    /// From now on the issue is in no list, and its number answers 410, or 404 where that is the forge's way.
    pub fn delete_issue(&self, number: u64) -> bool {
        self.write(|record, _, _| record.delete(number)).unwrap_or_default()
    }

    pub fn issue(&self, number: u64) -> Option<Issue> {
        self.read(|record| record.issue(number).cloned()).flatten()
    }

    /// All that are not deleted, pull requests too, by number.
    pub fn issues(&self) -> Vec<Issue> {
        self.read(|record| record.issues().cloned().collect()).unwrap_or_default()
    }

    /// The old name answers 301 from now on.
    pub fn rename(&self, full_name: &str) {
        self.state.world().rename(self.id, full_name);
    }

    /// The repository answers 404 from now on.
    pub fn remove(&self) {
        self.state.world().remove(self.id);
    }

    pub fn disable_issues(&self) {
        self.write(|record, _, _| record.has_issues = false);
    }

    pub fn enable_issues(&self) {
        self.write(|record, _, _| record.has_issues = true);
    }

    pub fn set_archived(&self, archived: bool) {
        self.write(|record, _, _| record.archived = archived);
    }

    /// Hides it (404) from all but these tokens or logins; none named is everyone who is signed in.
    pub fn make_private(&self, readers: &[&str]) {
        self.write(|record, _, _| {
            record.private = true;
            record.readers = readers.iter().map(ToString::to_string).collect();
        });
    }

    pub fn make_public(&self) {
        self.write(|record, _, _| record.private = false);
    }

    /// How many rows make a list large (10,000 unless told): above it links carry `after=` cursors and no last page,
    /// and a page number that a client made up and that reaches further is refused with 422. With 0 every link is a
    /// cursor and only the first page can be asked for without one. A GitLab only stops counting there.
    pub fn set_large_above(&self, rows: u64) {
        self.write(|record, _, _| record.large_above = rows);
    }

    /// Makes links carry cursors however short the list is, as the real forge has been seen to do, while page numbers
    /// that a client made up are still taken.
    pub fn set_links_by_cursor(&self, by_cursor: bool) {
        self.write(|record, _, _| record.links_by_cursor = by_cursor);
    }

    pub(crate) fn read<T>(&self, look: impl FnOnce(&Record) -> T) -> Option<T> {
        self.state.world().records.get(&self.id).map(look)
    }

    pub(crate) fn write<T>(&self, change: impl FnOnce(&mut Record, jiff::Timestamp, u64) -> T) -> Option<T> {
        let now = self.state.now();
        let mut world = self.state.world();
        let revision = world.next_revision();
        let record = world.records.get_mut(&self.id)?;
        record.updated_at = crate::issue::whole_seconds(now);
        Some(change(record, now, revision))
    }
}
