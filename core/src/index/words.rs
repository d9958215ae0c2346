//! The words of a text, as the embedder and the ranking both see them: identifiers are taken apart where their writer
//! put them together, endings are cut off, and words that are everywhere weigh little.

use std::collections::HashMap;
use std::sync::OnceLock;

use super::fnv;

/// In what way a text holds a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Form {
    /// One word without its ending: `retry` of `RetryDelays`.
    Stem,
    /// How a longer word begins, which it shares with its relatives: `decry` of `decryption` and of `decrypter`.
    Beginning,
    /// One of several words for about the same thing: `delete` and `remove`.
    Kin,
    /// Two words in a row, in one identifier or in two: `retry delay`.
    Pair,
}

/// A word in one of its forms, as a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Term {
    pub(crate) id: u64,
    pub(crate) form: Form,
}

/// So much of a word is its beginning; shorter words have none of their own.
const BEGINNING: usize = 5;
/// Longer identifiers are keys and hashes, not words.
const LONGEST_WORD: usize = 64;

/// Tells every word of the text, in all its forms, with what it weighs.
pub(crate) fn each(text: &str, mut tell: impl FnMut(Term, f32)) {
    let mut piece = String::new();
    let mut before = None;
    let identifiers = text.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
    for identifier in identifiers.filter(|identifier| !identifier.is_empty() && identifier.len() <= LONGEST_WORD) {
        take_apart(identifier, &mut piece, |piece| {
            let stem = stem(piece);
            let weight = weight(piece, stem);
            if weight <= 0.0 {
                before = None;
                return;
            }
            let id = fnv::hash(stem.as_bytes());
            tell(Term { id, form: Form::Stem }, weight);
            if let Some(family) = FAMILIES.get_or_init(families).get(&id) {
                tell(Term { id: *family, form: Form::Kin }, weight);
            }
            if let Some((end, _)) = piece.char_indices().nth(BEGINNING) {
                tell(Term { id: fnv::hash(&piece.as_bytes()[..end]), form: Form::Beginning }, weight);
            }
            if let Some((first, its_weight)) = before.replace((id, weight)) {
                tell(Term { id: fnv::spread(first) ^ id, form: Form::Pair }, (weight * its_weight).sqrt());
            }
        });
    }
}

/// The pieces of an identifier, in lower case: `HTTPServer2_name` is `http`, `server`, `2`, `name`.
fn take_apart(identifier: &str, piece: &mut String, mut tell: impl FnMut(&str)) {
    let kind = |letter: char| match letter {
        '_' => 0_u8,
        letter if letter.is_numeric() => 1,
        letter if letter.is_uppercase() => 2,
        _ => 3,
    };
    let mut letters = identifier.chars().peekable();
    let mut before = 0;
    piece.clear();
    while let Some(letter) = letters.next() {
        let here = kind(letter);
        let next = letters.peek().map_or(0, |next| kind(*next));
        // A capital begins a word, unless it stands among capitals: those are one word, up to the last before a small letter.
        let begins = here != before && (before, here) != (2, 3) || (before, here, next) == (2, 2, 3);
        if begins && !piece.is_empty() {
            tell(piece);
            piece.clear();
        }
        if here != 0 {
            piece.extend(letter.to_lowercase());
        }
        before = here;
    }
    if !piece.is_empty() {
        tell(piece);
    }
}

/// What the word is without the endings of number and tense, in English: `tries`, `tried` and `try` are one word.
fn stem(word: &str) -> &str {
    let cut = |ending: &str, least: usize| word.strip_suffix(ending).filter(|stem| stem.len() >= least);
    if !word.is_ascii() || word.len() < 3 {
        return word;
    }
    let stem = match word {
        _ if ["ss", "us", "is"].iter().any(|ending| word.ends_with(ending)) => None,
        _ => [("ies", 2), ("ied", 2), ("ing", 3), ("ed", 3), ("es", 3), ("s", 3)].iter().find_map(|(ending, least)| cut(ending, *least)),
    };
    let stem = stem.unwrap_or(word);
    match stem.as_bytes() {
        // `stopp` of `stopping`
        [.., before, last] if stem.len() < word.len() && before == last && !b"lsz".contains(last) => &stem[..stem.len() - 1],
        [_, _, .., b'y'] | [_, _, _, .., b'e'] => &stem[..stem.len() - 1],
        _ => stem,
    }
}

/// What a word tells about the text it is in, between nothing and one.
fn weight(word: &str, stem: &str) -> f32 {
    match word.chars().count() {
        _ if word.bytes().all(|byte| byte.is_ascii_digit()) => DIGITS,
        1 => 0.1,
        _ => COMMON.get_or_init(common).get(&fnv::hash(stem.as_bytes())).copied().unwrap_or(1.0),
    }
}

const DIGITS: f32 = 0.3;

/// The weight of every common word by the hash of its stem, which speaks for all its endings.
static COMMON: OnceLock<HashMap<u64, f32>> = OnceLock::new();

fn common() -> HashMap<u64, f32> {
    let lists = [(FREQUENT, 0.5), (EVERYWHERE, 0.2), (GRAMMAR, 0.0)];
    let words = lists.iter().flat_map(|(words, weight)| words.split_whitespace().map(|word| (fnv::hash(stem(word).as_bytes()), *weight)));
    words.collect()
}

/// All that is listed here, for the test that holds the vectors to it.
#[cfg(test)]
pub(crate) const LISTS: [&str; 4] = [GRAMMAR, EVERYWHERE, FREQUENT, KIN];

/// Words of English that say nothing about what they stand in.
const GRAMMAR: &str = "
    about after all also am an and another any are as at be because been before being both but by can cannot could did do does doing don
    done down each either even every for from get gets go goes had has have having he her here him his how however if in instead into is
    it its just let like made make makes many may me might more most much must my no nor not now of off on once one ones only or other
    our out over own same shall she should since so some such than that the their them then there these they this those through to too
    under until up us very via want was way we well were what when where whether which while who whose why will with within without
    would yet you your";

/// What programs are made of, whatever they do, in whatever language.
const EVERYWHERE: &str = "
    abstract alloc arg args assert async await bool boolean box break byte case catch char class clone cmp code com const constructor
    continue core crate debug def default defer deref derive di doc dyn elif else end enum eq err error example except export expr
    extends extern false feature file final finally float fmt fn func function github html http https impl implement import include init
    inline instanceof int interface io iter iterator lambda len long macro map match mod module move mut namespace new nil none null
    number object ok operator option org override package panic pass print println private protected pub public raise ref require res
    result ret return see self set sizeof slice static std str string struct super switch template test throw todo trait true try type
    typedef typeof undefined union unsafe unwrap use using usize val value var vec void yield";

/// Words many programs use, which yet tell something.
const FREQUENT: &str = "
    action add allow always api append array attribute available avoid back base based begin bit block body borrow bound buf buffer
    build builder call caller change check clear client collect command common config contain content context convert copy count create
    current custom data dir directory display drop element empty enable ensure entry event exist expect extra fail field filter find
    finish first flag format found full generic given global handle handler hash header id ident implementation index info inner input
    insert instance internal invalid item join key kind last length level limit line list load local log loop main mark max memory
    message meta metadata method min missing multiple name need next node offset open operation order original output param parameter
    parse parser part path pattern pin point pointer poll position possible prefix present process property provide ptr push query range
    raw read reader ready reference remaining remove request reset response rest root run safe seq sequence server service shared single
    size skip source span spawn specific split standard start state status store stream sub support sync system table tag take target
    task text thread time token tree two unit unknown update user utf util valid variant version wait work wrap wrapper write writer
    zero";

/// The family of every word that has one, by the hash of its stem.
static FAMILIES: OnceLock<HashMap<u64, u64>> = OnceLock::new();

fn families() -> HashMap<u64, u64> {
    let hash = |word: &str| fnv::hash(stem(word).as_bytes());
    let families = KIN.lines().filter(|line| !line.is_empty());
    families.flat_map(|line| line.split_whitespace().map(move |word| (hash(word), fnv::hash(line.trim().as_bytes())))).collect()
}

/// Words programmers use for about the same thing, a family on each line; a word belongs to one family only.
const KIN: &str = "
    abort cancel interrupt
    accept admit
    account user login member
    acquire obtain fetch retrieve
    add append insert push put
    address location uri url
    agree negotiate
    alike equal same identical
    allow permit grant
    amount quantity sum
    answer reply response respond
    argument parameter param arg
    array list vector vec slice sequence
    ask query question
    assemble reassemble coalesce combine concat concatenate join merge
    authenticate authentication auth
    backup copy clone duplicate replicate
    bad broken corrupt invalid malformed illegal wrong
    before earlier previous prior
    begin start launch boot
    benchmark bench measure performance
    biggest largest maximum max upper limit
    block chunk segment fragment piece part split divide
    bug defect flaw fault
    build make create construct generate produce
    byte octet
    cache memo memoize
    callback hook handler listener closure
    calculate compute evaluate derive
    certificate cert
    change modify update edit alter mutate
    check verify validate validation verification inspect
    choose choice pick select selection decide
    client customer
    clock time timestamp now
    close shutdown terminate end finish quit
    collect gather accumulate aggregate
    command cmd instruction
    compare comparison cmp
    compress compression deflate shrink gzip zip
    config configuration configure settings preference
    connect connection conn link
    contain include hold
    convert conversion transform translate adapt
    count counter number
    credential password secret passphrase
    database db store storage
    date day calendar
    deadline timeout expire expiry expiration
    decode decoder parse parser deserialize unmarshal read
    decrypt decryption decipher
    default fallback
    delay wait sleep pause backoff
    delete remove erase purge evict discard
    digest hash checksum
    directory dir folder
    display show render print
    duration period interval
    element item entry
    empty blank
    encode encoder serialize marshal write
    encrypt encryption cipher encipher
    environment env
    error failure err
    exchange swap
    execute run invoke call
    fake mock stub dummy
    fast quick speed
    field column attribute property
    file document
    fill populate
    find search lookup locate
    forbid deny reject refuse disallow
    free release deallocate
    full complete whole entire
    function method procedure routine
    general generic
    gone missing absent lost
    group cluster category
    host hostname server
    id identifier identity key
    ignore skip omit
    image picture icon
    integer int
    job task work
    keep retain preserve maintain
    length size len
    letter character char
    library crate package
    lock mutex
    log logging trace
    loop iterate iteration repeat cycle
    message msg packet frame
    minimum smallest least min lower
    money price currency cost
    move shift transfer
    name title label
    network net socket
    notify notification alert signal
    old stale outdated obsolete
    operating os platform
    order sort arrange
    oversized large big huge
    owner proprietor
    page pagination paginate
    path route
    pending outstanding
    position offset index
    priority precedence
    queue backlog
    quota allowance budget
    random randomness rng
    rate frequency throttle
    receive recv incoming inbound
    record row
    register enroll subscribe
    rename relabel
    replace substitute override
    request req
    resume resumption continue restore
    retry attempt
    revoke revocation
    rotate rotation roll
    safe secure security
    schedule scheduler cron
    send transmit outgoing outbound emit
    shared common
    sign signature
    stack pile
    state status condition
    stream flow
    string text str
    succeed success ok
    table map dictionary dict
    template pattern
    temporary temp tmp
    thread worker
    tidy clean cleanup
    tree hierarchy
    type kind
    unique distinct
    unknown unrecognised unrecognized unexpected
    value val
    version revision
    warn warning
    window viewport
    wrap enclose envelope
";

#[cfg(test)]
#[path = "words_tests.rs"]
mod tests;
