//! Which rows are on a page: arithmetic over a sorted slice, and the opaque cursor that names a row. No provider's words
//! here, so that keyset and offset paging of the other forges can use it too.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::index::Row;

/// Where a page begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Counted from 1.
    Page(u64),
    /// Right after this row, in the direction of reading.
    After(Row),
    /// Ending right before this row, in the direction of reading.
    Before(Row),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) rows: Vec<Row>,
    pub(crate) has_previous: bool,
    pub(crate) has_next: bool,
    pub(crate) total: u64,
}

/// Cuts one page out of rows that are sorted in ascending order.
pub(crate) fn window(ascending: &[Row], descending: bool, place: Place, size: u64) -> Window {
    let total = ascending.len();
    let size = usize::try_from(size).unwrap_or(usize::MAX).max(1);
    let upto = |row: Row| ascending.partition_point(|candidate| *candidate <= row);
    let below = |row: Row| ascending.partition_point(|candidate| *candidate < row);
    let (start, end) = match (place, descending) {
        (Place::Page(page), _) => {
            let skipped = usize::try_from(page.max(1) - 1).unwrap_or(usize::MAX).saturating_mul(size).min(total);
            (skipped, skipped.saturating_add(size))
        }
        (Place::After(row), false) => (upto(row), upto(row).saturating_add(size)),
        (Place::After(row), true) => (total - below(row), (total - below(row)).saturating_add(size)),
        (Place::Before(row), false) => (below(row).saturating_sub(size), below(row)),
        (Place::Before(row), true) => ((total - upto(row)).saturating_sub(size), total - upto(row)),
    };
    let end = end.min(total);
    let rows =
        if descending { ascending[total - end..total - start].iter().rev().copied().collect() } else { ascending[start..end].to_vec() };
    Window { rows, has_previous: start > 0, has_next: end < total, total: total as u64 }
}

/// What GitHub's own cursors decode to: a marker, then the key and the identity as a MessagePack pair of 64-bit numbers.
const MARKER: &[u8] = b"cursor:v2:\x92";
const UNSIGNED_64: u8 = 0xcf;

pub(crate) fn write_cursor(row: Row) -> String {
    let mut bytes = MARKER.to_vec();
    for number in [row.0 as u64, row.1] {
        bytes.push(UNSIGNED_64);
        bytes.extend(number.to_be_bytes());
    }
    STANDARD.encode(bytes)
}

pub(crate) fn read_cursor(text: &str) -> Option<Row> {
    let bytes = STANDARD.decode(text).ok()?;
    let (key, number) = bytes.strip_prefix(MARKER)?.split_at_checked(9)?;
    Some((read_unsigned(key)? as i64, read_unsigned(number)?))
}

fn read_unsigned(bytes: &[u8]) -> Option<u64> {
    let digits = bytes.strip_prefix(&[UNSIGNED_64])?;
    Some(u64::from_be_bytes(digits.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: [Row; 7] = [(1, 1), (2, 2), (2, 3), (2, 4), (5, 5), (6, 6), (7, 7)];

    fn numbers(descending: bool, place: Place) -> (Vec<u64>, bool, bool) {
        let window = window(&ROWS, descending, place, 3);
        (window.rows.iter().map(|row| row.1).collect(), window.has_previous, window.has_next)
    }

    #[test]
    fn pages_and_cursors_cut_the_same_windows_in_both_directions() {
        let table = [
            (false, Place::Page(1), vec![1, 2, 3], false, true),
            (false, Place::Page(3), vec![7], true, false),
            (false, Place::Page(4), vec![], true, false),
            (false, Place::Page(u64::MAX), vec![], true, false),
            (true, Place::Page(1), vec![7, 6, 5], false, true),
            (true, Place::Page(2), vec![4, 3, 2], true, true),
            (false, Place::After((2, 3)), vec![4, 5, 6], true, true),
            (false, Place::After((7, 7)), vec![], true, false),
            (true, Place::After((5, 5)), vec![4, 3, 2], true, true),
            (false, Place::Before((2, 4)), vec![1, 2, 3], false, true),
            (true, Place::Before((2, 4)), vec![7, 6, 5], false, true),
            (false, Place::After((3, 0)), vec![5, 6, 7], true, false),
        ];
        for (descending, place, expected, previous, next) in table {
            assert_eq!(numbers(descending, place), (expected, previous, next), "{descending} {place:?}");
        }
    }

    #[test]
    fn a_cursor_reads_back_and_garbage_does_not() {
        for row in [(0, 0), (1_785_000_000_123, 5_521_022_410), (-5, 1)] {
            assert_eq!(read_cursor(&write_cursor(row)), Some(row));
        }
        for text in ["", "abc", "Y3Vyc29yOnYyOpI=", "%%%", "Y3Vyc29yOnYyOpLPAAAB"] {
            assert_eq!(read_cursor(text), None, "{text}");
        }
    }
}
