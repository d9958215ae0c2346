//! The orders in which issues are listed, kept sorted as they change, so that a page out of a hundred thousand is a
//! slice. An edit moves one row in a flat array, which is a memory move and costs microseconds.

use std::borrow::Cow;

use crate::issue::{Issue, IssueState};

/// A sort key and the issue's number, which breaks ties.
pub(crate) type Row = (i64, u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Created,
    Updated,
    Comments,
}

impl Order {
    const ALL: [Self; 3] = [Self::Created, Self::Updated, Self::Comments];

    pub(crate) fn row(self, issue: &Issue) -> Row {
        let key = match self {
            Self::Created => issue.created_at.as_millisecond(),
            Self::Updated => issue.updated_at.as_millisecond(),
            Self::Comments => issue.comments as i64,
        };
        (key, issue.number)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    All,
    Open,
    Closed,
}

impl Which {
    const ALL: [Self; 3] = [Self::All, Self::Open, Self::Closed];

    fn takes(self, issue: &Issue) -> bool {
        match self {
            Self::All => true,
            Self::Open => issue.state == IssueState::Open,
            Self::Closed => issue.state == IssueState::Closed,
        }
    }
}

/// One sorted list for each order and each state.
#[derive(Default)]
pub(crate) struct Index([[Vec<Row>; 3]; 3]);

impl Index {
    pub(crate) fn insert(&mut self, issue: &Issue) {
        self.each(issue, |rows, row| {
            if let Err(place) = rows.binary_search(&row) {
                rows.insert(place, row);
            }
        });
    }

    pub(crate) fn remove(&mut self, issue: &Issue) {
        self.each(issue, |rows, row| {
            if let Ok(place) = rows.binary_search(&row) {
                rows.remove(place);
            }
        });
    }

    /// Adds many at once: each list is sorted once and not moved once for each issue.
    pub(crate) fn extend<'a>(&mut self, issues: impl Iterator<Item = &'a Issue>) {
        for issue in issues {
            self.each(issue, Vec::push);
        }
        self.0.iter_mut().flatten().for_each(|rows| rows.sort_unstable());
    }

    pub(crate) fn rows(&self, which: Which, order: Order) -> &[Row] {
        &self.0[which as usize][order as usize]
    }

    /// The rows in ascending order, only those updated at `since` (milliseconds) or later. In the order of updating
    /// that is a slice; in another it has to be picked out.
    pub(crate) fn select<'a>(
        &'a self,
        which: Which,
        order: Order,
        since: Option<i64>,
        find: impl Fn(u64) -> Option<&'a Issue>,
    ) -> Cow<'a, [Row]> {
        let Some(since) = since else {
            return Cow::Borrowed(self.rows(which, order));
        };
        let updated = self.rows(which, Order::Updated);
        let recent = &updated[updated.partition_point(|row| row.0 < since)..];
        if order == Order::Updated {
            return Cow::Borrowed(recent);
        }
        let mut picked: Vec<Row> = recent.iter().filter_map(|row| find(row.1)).map(|issue| order.row(issue)).collect();
        picked.sort_unstable();
        Cow::Owned(picked)
    }

    fn each(&mut self, issue: &Issue, mut change: impl FnMut(&mut Vec<Row>, Row)) {
        for which in Which::ALL.into_iter().filter(|which| which.takes(issue)) {
            for order in Order::ALL {
                change(&mut self.0[which as usize][order as usize], order.row(issue));
            }
        }
    }
}
