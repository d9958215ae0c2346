//! In which order GitLab lists, and which rows are on a page: arithmetic over a sorted slice. Ties are broken by falling
//! identity whichever way the list runs, so an ascending list is not the descending one read backwards.

use std::borrow::Cow;

use crate::index::Row;

pub(super) struct Listing<'a> {
    /// Ascending by key, and by number within a key.
    pub(super) rows: Cow<'a, [Row]>,
    pub(super) descending: bool,
}

impl Listing<'_> {
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The rows from one place of the list up to another.
    pub(super) fn between(&self, start: usize, end: usize) -> Vec<Row> {
        (start..end.min(self.len())).map(|place| self.at(place)).collect()
    }

    /// How many rows the list has up to this one, and with it; it need not be there any more.
    pub(super) fn upto(&self, row: Row) -> usize {
        if self.descending {
            return self.len() - self.rows.partition_point(|other| *other < row);
        }
        let (_, end) = self.ties(row.0);
        let below = self.rows.partition_point(|other| *other < row);
        self.ties(row.0).0 + (end - below)
    }

    /// How many rows the list has before this one.
    pub(super) fn before(&self, row: Row) -> usize {
        if self.descending {
            return self.len() - self.rows.partition_point(|other| *other <= row);
        }
        let (start, end) = self.ties(row.0);
        let upto = self.rows.partition_point(|other| *other <= row);
        start + (end - upto)
    }

    fn at(&self, place: usize) -> Row {
        if self.descending {
            return self.rows[self.len() - 1 - place];
        }
        let (start, end) = self.ties(self.rows[place].0);
        self.rows[start + end - 1 - place]
    }

    /// Where the rows of one key begin and end.
    fn ties(&self, key: i64) -> (usize, usize) {
        (self.rows.partition_point(|other| other.0 < key), self.rows.partition_point(|other| other.0 <= key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: [Row; 7] = [(1, 1), (2, 2), (2, 3), (2, 5), (5, 4), (6, 6), (6, 7)];

    fn listing(descending: bool) -> Listing<'static> {
        Listing { rows: Cow::Borrowed(&ROWS), descending }
    }

    #[test]
    fn ties_fall_by_number_in_both_directions() {
        let numbers = |descending| listing(descending).between(0, 9).into_iter().map(|row| row.1).collect::<Vec<_>>();
        assert_eq!(numbers(false), [1, 5, 3, 2, 4, 7, 6]);
        assert_eq!(numbers(true), [7, 6, 4, 5, 3, 2, 1]);
    }

    #[test]
    fn a_row_divides_the_list_where_it_stands_or_would_stand() {
        let table = [
            (false, (2, 3), 2, 3),
            (false, (2, 5), 1, 2),
            (false, (6, 6), 6, 7),
            (false, (2, 4), 2, 2),
            (false, (3, 9), 4, 4),
            (false, (0, 1), 0, 0),
            (true, (6, 7), 0, 1),
            (true, (2, 3), 4, 5),
            (true, (2, 4), 4, 4),
            (true, (9, 1), 0, 0),
        ];
        for (descending, row, before, upto) in table {
            let listing = listing(descending);
            assert_eq!((listing.before(row), listing.upto(row)), (before, upto), "{descending} {row:?}");
        }
    }
}
