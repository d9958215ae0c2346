//! Tables that fit the terminal: columns that can give way are cut, and where
//! that is not enough each row becomes a few lines.

use crate::output::{Line, Tone};
use crate::text::shown;

const GAP: usize = 2;
/// No column is cut to less.
const LEAST: usize = 8;

/// A cell, already harmless.
#[derive(Clone, Debug)]
pub struct Cell {
    tone: Tone,
    text: String,
}

impl Cell {
    pub fn toned(tone: Tone, text: impl AsRef<str>) -> Self {
        Self { tone, text: shown(text.as_ref()) }
    }
}

impl<Text: AsRef<str>> From<Text> for Cell {
    fn from(text: Text) -> Self {
        Self::toned(Tone::Plain, text)
    }
}

/// How a column behaves when it gets narrow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// Stays whole: an id is no use without its end.
    Whole(&'static str),
    /// Is cut.
    Cut(&'static str),
    /// Numbers, to the right.
    Number(&'static str),
}

impl Column {
    fn title(self) -> &'static str {
        match self {
            Self::Whole(title) | Self::Cut(title) | Self::Number(title) => title,
        }
    }
}

#[derive(Clone, Debug)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    pub fn new<const COLUMNS: usize>(columns: [Column; COLUMNS]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    pub fn row<const COLUMNS: usize>(&mut self, cells: [Cell; COLUMNS]) {
        self.rows.push(cells.to_vec());
    }

    /// The lines of it, in at most so many columns of the terminal.
    pub fn rendered(&self, width: Option<usize>, coloured: bool) -> Vec<String> {
        self.without_empty_columns().fitted(width, coloured)
    }

    /// A column in which nothing stands says nothing.
    fn without_empty_columns(&self) -> Self {
        let says: Vec<bool> = (0..self.columns.len()).map(|place| self.rows.iter().any(|row| !row[place].text.is_empty())).collect();
        let says = |place: &usize| says[*place];
        let kept = |row: &Vec<Cell>| (0..row.len()).filter(says).map(|place| row[place].clone()).collect();
        let columns = (0..self.columns.len()).filter(says).map(|place| self.columns[place]).collect();
        Self { columns, rows: self.rows.iter().map(kept).collect() }
    }

    fn fitted(&self, width: Option<usize>, coloured: bool) -> Vec<String> {
        let Some(widths) = self.widths(width) else { return self.as_records(width, coloured) };
        let heads = self.columns.iter().map(|column| Cell::toned(Tone::Faint, column.title())).collect();
        let line = |cells: &Vec<Cell>| {
            let mut line = Line::new();
            let last = cells.len().saturating_sub(1);
            for (place, (cell, (column, width))) in cells.iter().zip(self.columns.iter().zip(&widths)).enumerate() {
                let text = cut(&cell.text, *width);
                let space = " ".repeat(width - wide(&text));
                line = match column {
                    Column::Number(_) => line.plain(space).then(cell.tone, text),
                    _ if place == last => line.then(cell.tone, text),
                    _ => line.then(cell.tone, text).plain(space),
                };
                if place < last {
                    line = line.plain(" ".repeat(GAP));
                }
            }
            line.rendered(coloured)
        };
        std::iter::once(&heads).chain(&self.rows).map(line).collect()
    }

    /// How wide each column is, if they can be made to fit.
    fn widths(&self, most: Option<usize>) -> Option<Vec<usize>> {
        let of = |place: usize| self.rows.iter().map(|row| wide(&row[place].text)).max().unwrap_or(0);
        let mut widths: Vec<usize> = self.columns.iter().enumerate().map(|(place, column)| of(place).max(wide(column.title()))).collect();
        let Some(most) = most else { return Some(widths) };
        let gaps = GAP * widths.len().saturating_sub(1);
        while widths.iter().sum::<usize>() + gaps > most {
            let can_give = |place: &usize| matches!(self.columns[*place], Column::Cut(_)) && widths[*place] > LEAST;
            let widest = (0..widths.len()).filter(can_give).max_by_key(|place| widths[*place])?;
            widths[widest] -= 1;
        }
        Some(widths)
    }

    fn as_records(&self, width: Option<usize>, coloured: bool) -> Vec<String> {
        let titles = self.columns.iter().map(|column| wide(column.title())).max().unwrap_or(0);
        let mut lines = Vec::new();
        for (place, row) in self.rows.iter().enumerate() {
            if place > 0 {
                lines.push(String::new());
            }
            for (column, cell) in self.columns.iter().zip(row).filter(|(_, cell)| !cell.text.is_empty()) {
                let title = format!("{:titles$}  ", column.title());
                let left = width.map_or(usize::MAX, |width| width.saturating_sub(titles + 2).max(LEAST));
                let text = if matches!(column, Column::Whole(_)) { cell.text.clone() } else { cut(&cell.text, left) };
                lines.push(Line::new().faint(title).then(cell.tone, text).rendered(coloured));
            }
        }
        lines
    }
}

fn wide(text: &str) -> usize {
    console::measure_text_width(text)
}

/// The beginning of a text, with a sign that there is more.
pub fn cut(text: &str, width: usize) -> String {
    if wide(text) <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut used = 1;
    for letter in text.chars() {
        used += wide(letter.encode_utf8(&mut [0; 4]));
        if used > width {
            break;
        }
        kept.push(letter);
    }
    kept + "…"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new([Column::Whole("ID"), Column::Cut("TITLE"), Column::Number("ITEMS")]);
        table.row(["web".into(), "A title that goes on and on and on".into(), "7".into()]);
        table.row(["documents".into(), "日本語の長い題名です、とても長い".into(), "12,345".into()]);
        table
    }

    #[test]
    fn columns_give_way_until_the_table_fits() {
        for width in [24, 30, 44, 80] {
            for line in table().rendered(Some(width), false) {
                assert!(wide(&line) <= width, "{width}: {line}");
            }
        }
        let lines = table().rendered(Some(40), false);
        assert_eq!(lines[0], "ID         TITLE                   ITEMS");
        assert_eq!(lines[1], "web        A title that goes on…       7");
        assert_eq!(lines[2], "documents  日本語の長い題名です…  12,345");
    }

    #[test]
    fn a_file_gets_all_of_it() {
        let lines = table().rendered(None, false);
        assert_eq!(lines[1], "web        A title that goes on and on and on       7");
    }

    #[test]
    fn where_nothing_can_give_way_a_row_is_a_few_lines() {
        let lines = table().rendered(Some(20), false);
        assert_eq!(lines[..3], ["ID     web", "TITLE  A title that…", "ITEMS  7"]);
    }

    #[test]
    fn nothing_in_a_cell_acts() {
        let mut table = Table::new([Column::Cut("TITLE")]);
        table.row(["\u{1b}[2Jgone\u{202e}".into()]);
        assert_eq!(table.rendered(None, true)[1], r"\u{1b}[2Jgone\u{202e}");
    }
}
