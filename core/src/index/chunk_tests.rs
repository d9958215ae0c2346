//! That nothing of a file is lost or said twice, and that an edit stays where it was made.

use std::collections::HashSet;

use super::*;

/// Numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        (fnv::spread(self.0) % sides as u64) as usize
    }
}

/// A file as people write them: items with comments and attributes, short and long, with blank lines inside.
fn written(dice: &mut Dice, items: usize) -> String {
    let mut text = "//! Why this file exists.\n\nuse std::fmt;\n\n".to_owned();
    for item in 0..items {
        let name = format!("{}_{item}", ["parse", "send", "retry", "delay"][dice.roll(4)]);
        text += ["", "/// What it promises.\n", "#[test]\n", "/// Two lines,\n/// no less.\n#[inline]\n"][dice.roll(4)];
        text += &format!("fn {name}(value: u32) -> u32 {{\n");
        for line in 0..[3, 8, 20, 60, 200][dice.roll(5)] {
            let blank = if dice.roll(8) == 0 { "\n" } else { "" };
            text += &format!("{blank}{}let local_{line} = value + {};\n", "    ".repeat(1 + dice.roll(3)), dice.roll(50));
        }
        text += "    value\n}\n\n";
    }
    text
}

/// What holds of every file, whatever is in it.
fn well_cut(text: &str) -> Vec<Chunk<'_>> {
    let chunks = chunks(text);
    let lines: Vec<&str> = text.split('\n').collect();
    let mut said = String::new();
    let mut last = 0;
    for chunk in &chunks {
        assert!(chunk.text.len() <= LONGEST.bytes, "{} bytes", chunk.text.len());
        assert!((chunk.end_line - chunk.start_line) < LONGEST.lines as u32);
        assert!(!chunk.text.trim().is_empty());
        assert!(chunk.start_line >= last && chunk.start_line <= chunk.end_line);
        let stretch = lines[chunk.start_line as usize - 1..chunk.end_line as usize].join("\n");
        assert!(stretch.contains(chunk.text), "line {}", chunk.start_line);
        last = chunk.end_line;
        said += chunk.text;
    }
    let visible = |text: &str| text.chars().filter(|letter| !letter.is_whitespace()).collect::<String>();
    assert_eq!(visible(&said), visible(text), "every line that is not blank is in exactly one piece");
    chunks
}

/// Empty files and blank ones have no pieces; one line is one.
#[test]
fn no_piece_is_blank() {
    assert_eq!(chunks(""), []);
    assert_eq!(chunks("\n \r\n\t\n"), []);
    assert_eq!(chunks("\n\n  one\r\n\n"), [Chunk { start_line: 3, end_line: 3, text: "  one" }]);
    assert_eq!(chunks("one\n\ntwo"), [Chunk { start_line: 1, end_line: 3, text: "one\n\ntwo" }]);
}

/// All lines are there, in order, within the limits: in source code, prose, one line without end, lines without blank
/// ones between them, any script, any line end.
#[test]
fn every_line_is_in_exactly_one_piece() {
    let mut dice = Dice(1);
    for items in [1, 5, 40] {
        let text = written(&mut dice, items);
        well_cut(&text);
        well_cut(text.trim_end());
        let cut_in_windows = text.replace('\n', "\r\n");
        let windows = well_cut(&cut_in_windows).iter().map(|chunk| (chunk.start_line, chunk.end_line)).collect::<Vec<_>>();
        assert!(windows.len() >= items / 2);
    }
    for text in [include_str!("chunk.rs"), include_str!("words.rs"), include_str!("questions.txt")] {
        well_cut(text);
    }
    well_cut(&"x".repeat(100_000));
    well_cut(&format!("fn a() {{}}\n\n{}\n\nfn b() {{}}\n", "weiß,日本語".repeat(2_000)));
    well_cut(&"same();\n".repeat(5_000));
    well_cut(&"}\n".repeat(5_000));
    well_cut(&"\tdéjà vu\n\n".repeat(5_000));
    for _ in 0..100 {
        let letters = ["\n", "\n", "\r\n", " ", "a", "}", "ß", "fn f()", "    ", "// why", "日", "\u{2028}"];
        let length = dice.roll(3_000);
        well_cut(&(0..length).map(|_| letters[dice.roll(letters.len())]).collect::<String>());
        well_cut(&(0..20).map(|_| letters[dice.roll(letters.len())].repeat(dice.roll(900))).collect::<String>());
    }
}

/// A small file is one piece; a new piece begins with an item's comment and attributes, not below them; and pieces are
/// neither slivers nor all as long as they may be.
#[test]
fn items_stay_whole() {
    assert_eq!(chunks("/// One.\nfn one() {}\n\n/// Two.\n#[inline]\nfn two() {}\n").len(), 1);
    let text = written(&mut Dice(7), 60);
    let pieces = well_cut(&text);
    let lines: Vec<&str> = text.lines().collect();
    let items = pieces.iter().skip(1).filter(|piece| !piece.text.starts_with(' '));
    assert!(items.clone().count() > 10);
    for piece in items {
        let above = lines[piece.start_line as usize - 2];
        assert!(above.is_empty(), "line {}: {above:?}", piece.start_line);
    }
    let mean = text.len() / pieces.len();
    assert!((900..2_200).contains(&mean), "{mean} bytes");
    assert!(pieces.iter().filter(|piece| piece.text.len() < SHORTEST / 2).count() <= pieces.len() / 10);
}

/// The promise everything else rests on: one edit changes the text of a few pieces, however long the file is and
/// wherever the edit is made.
#[test]
fn an_edit_changes_the_pieces_around_it_alone() {
    const EDITS: usize = 150;
    let mut dice = Dice(3);
    let (mut most, mut all) = (0, 0);
    for round in 0..EDITS {
        let text = written(&mut dice, [10, 40, 100][round % 3]);
        let before: HashSet<&str> = chunks(&text).iter().map(|chunk| chunk.text).collect();
        let mut lines: Vec<&str> = text.lines().collect();
        let at = dice.roll(lines.len());
        match dice.roll(5) {
            0 => lines.insert(at, "    let inserted = 1;"),
            1 => drop(lines.remove(at)),
            2 => lines.insert(at, ""),
            3 => lines[at] = "    let replaced = 2;",
            _ => drop(lines.splice(at..at, ["", "/// New.", "fn inserted() {", "    todo();", "}", ""])),
        }
        let edited = lines.join("\n");
        let changed = chunks(&edited).iter().filter(|chunk| !before.contains(chunk.text)).count();
        most = most.max(changed);
        all += changed;
    }
    assert!(most <= 4, "{most}");
    assert!(all <= EDITS * 3 / 2, "{all}");
}

/// Where a file comes from does not matter: the same item at another place, or with other line ends, is cut alike.
#[test]
fn what_stands_above_does_not_matter() {
    let text = written(&mut Dice(5), 80);
    let alone: HashSet<&str> = chunks(&text).iter().map(|chunk| chunk.text).collect();
    let moved = format!("{}{text}", "// A licence.\n".repeat(37));
    let new = chunks(&moved).iter().filter(|chunk| !alone.contains(chunk.text)).count();
    assert!(new <= 4, "{new}");
}
