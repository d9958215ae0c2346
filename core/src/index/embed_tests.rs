//! That a vector is what is stored under its name, and that nearness means what it says.

use super::*;

fn cosine(one: &str, other: &str) -> f32 {
    embed(one).iter().zip(embed(other)).map(|(one, other)| one * other).sum()
}

/// Vectors made by another build are compared with these: whoever sees this test fail changes [`NAME`] with it.
#[test]
fn the_same_vector_on_every_machine() {
    let vector = embed("fn retry_delay(attempt: u32) -> Duration");
    let set: Vec<(usize, f32)> = vector.iter().copied().enumerate().filter(|(_, number)| *number != 0.0).collect();
    assert_eq!(NAME, "built-in-1");
    let expected = [
        (0, -0.208),
        (57, 0.416),
        (130, 0.416),
        (132, -0.208),
        (135, 0.208),
        (167, -0.416),
        (183, -0.125),
        (192, -0.336),
        (203, 0.416),
        (228, 0.208),
        (229, 0.083),
    ];
    assert_eq!(set, expected);
}

/// The same for every word that is listed: one that comes, goes or moves to another list changes vectors, too.
#[test]
fn the_lists_belong_to_the_name() {
    let bytes = |list: &&str| embed(list).into_iter().flat_map(|number| number.to_bits().to_le_bytes()).collect::<Vec<u8>>();
    let all: Vec<u8> = words::LISTS.iter().flat_map(bytes).collect();
    assert_eq!((NAME, fnv::hash(&all)), ("built-in-1", 0x27a2_ceb1_f4c8_32bd));
}

/// Length 1, in thousandths; nothing for nothing, and no negative zero, which would be written longer.
#[test]
fn unit_length_in_thousandths() {
    for text in ["parse", include_str!("embed.rs"), "größe 解析", "a b c"] {
        let vector = embed(text);
        assert_eq!(vector.len(), DIMENSIONS);
        let length = vector.iter().map(|number| number * number).sum::<f32>().sqrt();
        assert!((length - 1.0).abs() < 0.01, "{length}");
        assert!(vector.iter().all(|number| format!("{number}").len() <= 6 && (*number != 0.0 || number.is_sign_positive())));
    }
    for nothing in ["", "the of and", "{ } () =>"] {
        assert_eq!(embed(nothing), vec![0.0; DIMENSIONS]);
    }
}

/// A question in plain words is nearer to the code it is about than to other code, though no identifier is in it.
#[test]
fn a_question_is_near_its_answer() {
    let question = "where is the delay between retries computed?";
    let (answer, other) =
        ("fn retry_delay(attempt: u32) -> Duration { BASE * 2_u32.pow(attempt) }", "fn parse_link_header(value: &str) -> Option<Url> {}");
    assert!(cosine(question, answer) > cosine(question, other) + 0.2, "{} {}", cosine(question, answer), cosine(question, other));
    assert!(cosine("deleting old entries", "fn remove_stale(item: Item)") > 0.1);
}
