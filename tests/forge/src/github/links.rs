//! The `Link` header: which pages lie next to the one that was sent, by number or by cursor.

use crate::{index::Row, paging::Window};

/// All four relations, as far as there are such pages.
pub(super) fn by_page(window: &Window, page: u64, size: u64, url: impl Fn(u64) -> String) -> String {
    let last = window.total.div_ceil(size).max(1);
    let mut links = Vec::new();
    if window.has_previous {
        links.push(link("prev", &url((page - 1).min(last))));
    }
    if window.has_next {
        links.push(link("next", &url(page + 1)));
        links.push(link("last", &url(last)));
    }
    if window.has_previous {
        links.push(link("first", &url(1)));
    }
    links.join(", ")
}

/// Cursors know no first and last page. The address is given the name of the parameter and the row it names.
pub(super) fn by_cursor(window: &Window, url: impl Fn(&'static str, Row) -> String) -> String {
    let mut links = Vec::new();
    if let Some(last) = window.rows.last().filter(|_| window.has_next) {
        links.push(link("next", &url("after", *last)));
    }
    if let Some(first) = window.rows.first().filter(|_| window.has_previous) {
        links.push(link("prev", &url("before", *first)));
    }
    links.join(", ")
}

fn link(relation: &str, url: &str) -> String {
    format!("<{url}>; rel=\"{relation}\"")
}
