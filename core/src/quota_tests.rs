//! What the ledger answers, row by row.

use super::*;

const NOW: Moment = Moment(1_000_000_000);

fn later(minutes: u64) -> Moment {
    NOW.plus(Duration::from_mins(minutes))
}

fn row(remaining: u64, reserved: u64) -> Quota {
    let resets_at = Some(later(30));
    let (seen_at, spent_at) = (Some(NOW), Some(NOW));
    Quota { remaining, limit: Some(5_000), resets_at, seen_at, spent_at, reserved, era: 3, version: 7, ..Quota::default() }
}

fn word(remaining: u64, minutes: u64) -> Word {
    Word { remaining, limit: Some(5_000), resets_at: Some(later(minutes)), heard_at: NOW }
}

fn lot(drawn: &Drawn) -> Option<u64> {
    if let Drawn::Lot { size, .. } = drawn { Some(*size) } else { None }
}

#[test]
fn who_asked_and_how_much_it_reads_make_the_class() {
    for (trigger, whole, made, expected) in [
        (Trigger::Webhook, false, 0, Class::First),
        (Trigger::Webhook, false, 500, Class::First),
        (Trigger::Webhook, true, 0, Class::Backfill),
        (Trigger::Manual, false, 0, Class::First),
        (Trigger::Manual, true, 9, Class::First),
        (Trigger::Manual, false, 10, Class::Manual),
        (Trigger::Manual, true, 10, Class::Backfill),
        (Trigger::Workspace, false, 0, Class::First),
        (Trigger::Parked, false, 12, Class::Manual),
        (Trigger::Schedule, false, 0, Class::Scheduled),
        (Trigger::Schedule, true, 0, Class::Backfill),
    ] {
        assert_eq!(class(trigger, whole, made), expected, "{trigger:?} whole={whole} made={made}");
    }
    assert!(Class::First < Class::Manual && Class::Manual < Class::Scheduled && Class::Scheduled < Class::Backfill);
}

#[test]
fn every_class_leaves_room_for_those_before_it() {
    for (base, limit, floors) in [
        (100, Some(5_000), [100, 150, 350, 1_100]),
        (100, Some(60), [6; 4]),
        (100, None, [100, 100, 100, 100]),
        (0, Some(5_000), [1, 50, 250, 1_000]),
        // A floor over the limit: a lot can be had from a full window all the same.
        (9_000, Some(5_000), [4_991; 4]),
        (100, Some(5), [1; 4]),
    ] {
        let all = [Class::First, Class::Manual, Class::Scheduled, Class::Backfill];
        assert_eq!(all.map(|class| floor(class, base, limit)), floors, "{base} of {limit:?}");
    }
}

/// S0.26: the same hundred decides on a trigger and on a request.
#[test]
fn lots_shrink_towards_the_floor_and_never_pass_it() {
    for (remaining, reserved, expected) in [
        (5_000, 0, Some(10)),
        (5_000, 4_880, Some(10)),
        (118, 0, Some(10)),
        (109, 0, Some(5)),
        (101, 0, Some(1)),
        (100, 0, Some(1)),
        (100, 1, None),
        (99, 0, None),
        (0, 0, None),
        (200, 101, None),
        (200, 300, None),
    ] {
        assert_eq!(lot(&draw(&row(remaining, reserved), Class::First, 100, NOW)), expected, "{remaining} - {reserved}");
    }
    let kept = |remaining, reserved| draw(&row(remaining, reserved), Class::First, 100, NOW);
    assert_eq!(kept(200, 101), Drawn::Kept { until: later(30), is_lent: true, floor: 100 });
    assert_eq!(kept(99, 0), Drawn::Kept { until: later(30), is_lent: false, floor: 100 });
    assert_eq!(lot(&draw(&row(1_000, 0), Class::Backfill, 100, NOW)), None);
    assert_eq!(lot(&draw(&row(1_000, 0), Class::Scheduled, 100, NOW)), Some(10));
}

/// Sixty requests an hour, which anybody has without a token, are not given out by
/// tens.
#[test]
fn small_limits_have_small_lots() {
    for (limit, expected) in [(Some(60), 3), (Some(5), 1), (Some(999), 10), (None, 10)] {
        let row = Quota { limit, remaining: limit.unwrap_or(50).min(900), ..row(0, 0) };
        assert_eq!(lot(&draw(&row, Class::Backfill, 0, NOW)), Some(expected.min(row.remaining.div_ceil(2))), "{limit:?}");
    }
}

/// However many draw from one row, what they may spend never passes the floor.
#[test]
fn all_lots_together_stay_above_the_floor() {
    for remaining in 95..160 {
        let mut ledger = row(remaining, 0);
        let mut lent = 0;
        while let Drawn::Lot { row, size, .. } = draw(&ledger, Class::First, 100, NOW) {
            lent += size;
            ledger = row;
        }
        assert_eq!(lent, (remaining + 1).saturating_sub(100), "of {remaining}");
        assert_eq!(ledger.reserved, lent);
    }
}

#[test]
fn within_a_window_words_only_lower_and_a_later_one_replaces() {
    let known = row(200, 20);
    let heard = |word| {
        let told = hear(&known, word, NOW);
        (told.remaining, told.resets_at, told.reserved, told.era)
    };
    let same = Some(later(30));
    assert_eq!(heard(word(150, 30)), (150, same, 20, 3));
    assert_eq!(heard(word(250, 30)), (200, same, 20, 3));
    // The end of one window is told a second later by another machine.
    let blurred = Word { resets_at: Some(later(30).plus(Duration::from_secs(1))), ..word(250, 30) };
    assert_eq!(heard(blurred), (200, same, 20, 3));
    assert_eq!(heard(word(4_999, 90)), (4_999, Some(later(90)), 0, 4));
    // What was heard before what is known is not news.
    let old = Word { heard_at: NOW.minus(Duration::from_secs(1)), ..word(4_999, 90) };
    assert_eq!(heard(old), (200, same, 20, 3));
    assert_eq!(heard(word(4_000, 10)), (200, same, 20, 3));
    // Less is believed whatever it is of.
    assert_eq!(heard(word(50, 10)), (50, Some(later(10)), 20, 3));
    let of_the_past = Word { resets_at: Some(NOW.minus(GRACE)), heard_at: NOW.minus(GRACE), ..word(3, 30) };
    assert_eq!(heard(of_the_past), (200, same, 20, 3));
    // A window that has ended by our clock alone has not.
    let ended = Quota { resets_at: Some(NOW), ..known.clone() };
    let by_another_clock = Word { resets_at: Some(NOW), ..word(3, 30) };
    assert_eq!((hear(&ended, by_another_clock, NOW).remaining, hear(&ended, by_another_clock, NOW).resets_at), (3, Some(NOW.plus(GRACE))));
    // An end that nobody lives to see is none.
    let endless = Word { resets_at: Some(later(60 * 24 * 365)), ..word(0, 30) };
    assert_eq!(hear(&Quota::default(), endless, NOW).resets_at, None);
}

#[test]
fn a_window_that_has_ended_makes_way_for_any_word() {
    let ended = Quota { resets_at: Some(NOW), ..row(3, 40) };
    let told = hear(&ended, word(4_999, 60), NOW);
    assert_eq!((told.remaining, told.reserved, told.era), (4_999, 0, 4));
}

/// Before a reply told what is left, few may ask, and soon one will know.
#[test]
fn what_nobody_knows_is_asked_for_one_by_one() {
    let mut unknown = Quota::default();
    for number in 1..=PROBES {
        let Drawn::Lot { row, size, .. } = draw(&unknown, Class::Backfill, 100, NOW) else { panic!("{number}: {unknown:?}") };
        assert_eq!((size, row.reserved, row.is_told()), (1, number, false));
        unknown = row;
    }
    assert_eq!(draw(&unknown, Class::First, 100, NOW), Drawn::Unknown);
    // The first word counts those that are still under way.
    let told = settle(&unknown, &Spent { lot: 1, era: unknown.era, is_probe: true, word: Some(word(4_000, 30)), ..Spent::default() }, NOW);
    assert_eq!((told.remaining, told.reserved, told.is_told()), (4_000, PROBES - 1, true));
    // Workers that were lost do not keep others out for ever.
    let after = NOW.plus(LOST).plus(Duration::from_millis(1));
    assert_eq!(lot(&draw(&unknown, Class::First, 100, after)), Some(1));
    assert_eq!(lot(&draw(&told, Class::First, 100, NOW)), Some(10));
    // A window that has ended is not known any more, and what was lent in it is lost.
    let Drawn::Lot { row, .. } = draw(&row(120, 20), Class::Backfill, 100, later(30)) else { panic!("blocked") };
    assert_eq!((row.resets_at, row.seen_at, row.limit, row.reserved, row.era), (None, None, Some(5_000), 1, 4));
}

/// What was told a while ago, or to somebody who did not spend, is made sure of
/// before lots are given out: others may use the same token.
#[test]
fn what_is_known_of_old_is_made_sure_of_first() {
    let old = NOW.plus(FRESH).plus(Duration::from_millis(1));
    let mut known = row(4_000, 20);
    for _ in 0..PROBES {
        let Drawn::Lot { row, size: 1, is_probe: true } = draw(&known, Class::First, 100, old) else { panic!("{known:?}") };
        known = row;
    }
    assert_eq!((draw(&known, Class::First, 100, old), known.reserved), (Drawn::Unknown, 20 + PROBES));
    let heard = Word { heard_at: old, ..word(150, 30) };
    let told = settle(&known, &Spent { lot: 1, era: 3, is_probe: true, word: Some(heard), ..Spent::default() }, old);
    assert_eq!((told.remaining, told.reserved, told.probing, told.spent_at), (150, 23, 0, Some(old)));
    assert_eq!(lot(&draw(&told, Class::First, 100, old)), Some(10));
    // Who was lost on the way keeps the request, and not the others.
    assert_eq!(lot(&draw(&known, Class::First, 100, old.plus(LOST).plus(FRESH))), Some(1));
    // A word to somebody who spent nothing is no such proof.
    let look = settle(&Quota::default(), &Spent { word: Some(word(4_000, 30)), ..Spent::default() }, NOW);
    assert_eq!((look.is_told(), lot(&draw(&look, Class::First, 100, NOW))), (true, Some(1)));
}

#[test]
fn less_than_was_thought_is_looked_at_near_the_floor() {
    for (remaining, surprising) in [(4_000, false), (1_000, false), (299, true), (250, true), (99, true)] {
        assert_eq!(is_surprising(&row(4_020, 20), &word(remaining, 30), 100), surprising, "{remaining}");
    }
    assert!(!is_surprising(&row(200, 20), &word(190, 30), 100));
}

#[test]
fn who_tells_nothing_is_not_reckoned_with() {
    let quiet = Spent { lot: 1, era: 1, silence: Some(NOW), unheard: 1, ..Spent::default() };
    let Drawn::Lot { row: asked, .. } = draw(&Quota::default(), Class::First, 100, NOW) else { panic!("blocked") };
    let untold = settle(&asked, &quiet, NOW);
    assert!(!untold.is_told() && untold.reserved == 0);
    assert_eq!(draw(&untold, Class::Backfill, 100, later(600)), Drawn::Unlimited);
    // Nor one that tells a number without an end of it.
    let endless = hear(&asked, Word { resets_at: None, ..word(3, 0) }, NOW);
    assert_eq!((draw(&endless, Class::First, 100, NOW), endless.is_told()), (Drawn::Unlimited, true));
    // As soon as it does tell, it is.
    assert_eq!(hear(&untold, word(90, 30), NOW).remaining, 90);
    // A reply without a word in the midst of others changes nothing.
    assert_eq!(settle(&row(200, 0), &Spent { silence: Some(NOW), ..Spent::default() }, NOW), row(200, 0));
}

#[test]
fn what_is_unspent_comes_back_and_what_is_unheard_counts_as_spent() {
    let spent = |lot, era, unheard, word| settle(&row(200, 30), &Spent { lot, era, word, unheard, ..Spent::default() }, NOW);
    let amounts = |row: Quota| (row.remaining, row.reserved);
    assert_eq!(amounts(spent(10, 3, 0, Some(word(193, 30)))), (193, 20));
    assert_eq!(amounts(spent(10, 3, 2, Some(word(195, 30)))), (193, 20));
    assert_eq!(amounts(spent(10, 3, 10, None)), (190, 20));
    // A lot of an earlier window was forgotten with it.
    assert_eq!(amounts(spent(10, 2, 0, None)), (200, 30));
}

#[test]
fn a_word_of_a_later_window_is_noticed() {
    assert!(!is_of_later_window(&row(1, 0), &word(1, 30)));
    assert!(is_of_later_window(&row(1, 0), &word(1, 31)));
    assert!(!is_of_later_window(&Quota::default(), &word(1, 31)));
}
