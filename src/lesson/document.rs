//! Looking into an HTML page.

use std::fmt;

use tl::{Node, Parser, ParserOptions};

use crate::__rt::bounded;

/// An HTML page, of which elements can be selected (Python's `bs4.BeautifulSoup`).
///
/// ```
/// # use threadbook::prelude::*;
/// let page = Document::parse("<title>Tom &amp; Ada</title><ul><li class=x>one<li>two</ul><a href='/next'>on</a>");
/// assert_eq!(page.title().as_deref(), Some("Tom & Ada"));
/// let links = page.select("a[href]")?;
/// assert_eq!((links[0].text(), links[0].attribute("href")), ("on", Some("/next")));
/// # Ok::<(), SelectorError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Document {
    /// As `prepared` leaves it.
    html: String,
}

/// An element of a [`Document`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element {
    name: String,
    text: String,
    html: String,
    attributes: Vec<(String, String)>,
}

/// A CSS selector that is not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectorError(String);

impl fmt::Display for SelectorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the selector {:?} is not understood: names, #ids, .classes, [attributes], spaces, > and commas are, such as \
             \"div.news > a[href]\"",
            self.0
        )
    }
}

impl std::error::Error for SelectorError {}

impl Document {
    /// Takes any text: what is no HTML is passed over, as browsers do.
    pub fn parse(html: &str) -> Document {
        Document { html: prepared(html) }
    }

    /// The text of the page's title, without the space around it.
    pub fn title(&self) -> Option<String> {
        let titles = self.select("title").unwrap_or_default();
        titles.into_iter().next().map(|title| title.text)
    }

    /// All elements that a CSS selector describes, in the order of the page: names
    /// (`a`), `#id`, `.class`, `[attribute]`, `[attribute=value]` (also `^=`, `$=`, `*=`, `~=`),
    /// one after the other (`a.news[href]`), within (`ul li`), directly within
    /// (`ul > li`) and several (`h1, h2`).
    ///
    /// # Errors
    /// When there is something else in the selector.
    pub fn select(&self, css: &str) -> Result<Vec<Element>, SelectorError> {
        let error = || SelectorError(bounded::cut(css, 200));
        let alternatives: Option<Vec<Vec<Step<'_>>>> = split(css).ok_or_else(error)?.into_iter().map(steps).collect();
        let alternatives = alternatives.ok_or_else(error)?;
        // Longer pages than 4 GiB are none.
        let Ok(page) = tl::parse(&self.html, ParserOptions::default()) else { return Ok(Vec::new()) };
        let mut search =
            Search { parser: page.parser(), alternatives: &alternatives, path: Vec::new(), found: Vec::new() };
        for handle in page.children() {
            search.visit(handle.get(page.parser()));
        }
        Ok(search.found)
    }
}

impl Element {
    /// What it is, in small letters: `a`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text within it, without the space around it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// All of it, as HTML.
    pub fn html(&self) -> &str {
        &self.html
    }

    /// The value of an attribute; empty for one without a value.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// A part of a selector between spaces, and whether it must lie directly in the one
/// before.
struct Step<'a> {
    selector: tl::queryselector::Selector<'a>,
    is_child: bool,
}

/// The alternatives of a selector, each as its parts; a part `>` stands for itself.
fn split(css: &str) -> Option<Vec<Vec<&str>>> {
    let mut alternatives = vec![Vec::new()];
    let (mut begin, mut in_brackets) = (0, false);
    for (at, character) in css.char_indices().chain([(css.len(), ',')]) {
        match character {
            '[' => in_brackets = true,
            ']' => in_brackets = false,
            _ => {}
        }
        let separates = character.is_whitespace() || ",>".contains(character);
        if in_brackets && at < css.len() || !separates {
            // Between brackets it has another meaning.
            if !in_brackets && ":+~\\|".contains(character) {
                return None;
            }
            continue;
        }
        let last = alternatives.last_mut()?;
        if begin < at {
            last.push(&css[begin..at]);
        }
        match character {
            '>' => last.push(">"),
            ',' if at < css.len() => alternatives.push(Vec::new()),
            _ => {}
        }
        begin = at + character.len_utf8().min(css.len() - at);
    }
    (!in_brackets).then_some(alternatives)
}

fn steps(parts: Vec<&str>) -> Option<Vec<Step<'_>>> {
    let mut steps = Vec::new();
    let mut is_child = false;
    for part in parts {
        if part == ">" {
            if is_child || steps.is_empty() {
                return None;
            }
            is_child = true;
            continue;
        }
        let selector = tl::queryselector::Parser::new(part.as_bytes()).selector()?;
        steps.push(Step { selector, is_child: std::mem::take(&mut is_child) });
    }
    (!steps.is_empty() && !is_child).then_some(steps)
}

struct Search<'a, 'p> {
    parser: &'p Parser<'a>,
    alternatives: &'p [Vec<Step<'p>>],
    /// From the outermost element to the one looked at.
    path: Vec<&'p Node<'a>>,
    found: Vec<Element>,
}

/// Pages that lie deeper in themselves are cut, rather than using up the stack.
const DEEPEST: usize = 500;

impl<'a, 'p> Search<'a, 'p> {
    fn visit(&mut self, node: Option<&'p Node<'a>>) {
        let Some((node, tag)) = node.and_then(|node| Some((node, node.as_tag()?))) else { return };
        if self.path.len() >= DEEPEST {
            return;
        }
        self.path.push(node);
        if self.alternatives.iter().any(|steps| fits(steps, &self.path)) {
            self.found.push(element(tag, self.parser));
        }
        for child in tag.children().top().iter() {
            self.visit(child.get(self.parser));
        }
        self.path.pop();
    }
}

/// Whether the last node of a path is described.
fn fits(steps: &[Step<'_>], path: &[&Node<'_>]) -> bool {
    let (Some((step, before)), Some((node, above))) = (steps.split_last(), path.split_last()) else { return false };
    if !step.selector.matches(node) {
        return false;
    }
    match (before.is_empty(), step.is_child) {
        (true, _) => true,
        (false, true) => fits(before, above),
        (false, false) => (1..=above.len()).any(|length| fits(before, &above[..length])),
    }
}

fn element(tag: &tl::HTMLTag<'_>, parser: &Parser<'_>) -> Element {
    let decoded = |text: &str| html_escape::decode_html_entities(text).into_owned();
    let attributes = tag.attributes().iter();
    Element {
        name: tag.name().as_utf8_str().into_owned(),
        text: decoded(tag.inner_text(parser).trim()),
        html: tag.raw().as_utf8_str().into_owned(),
        attributes: attributes.map(|(name, value)| (name.into_owned(), decoded(&value.unwrap_or_default()))).collect(),
    }
}

/// Puts names of elements into small letters, and takes out comments and what stands in
/// scripts and styles: the parser would find elements in them.
fn prepared(html: &str) -> String {
    let mut prepared = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        prepared.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(comment) = rest.strip_prefix("<!--") {
            rest = comment.find("-->").map_or("", |end| &comment[end + 3..]);
            continue;
        }
        let slash = usize::from(rest[1..].starts_with('/'));
        let name_end =
            rest[1 + slash..].find(|c: char| !c.is_ascii_alphanumeric()).map_or(rest.len(), |end| end + 1 + slash);
        let name = rest[1 + slash..name_end].to_ascii_lowercase();
        prepared.push_str(&rest[..1 + slash]);
        prepared.push_str(&name);
        rest = &rest[name_end..];
        if slash == 0 && (name == "script" || name == "style") {
            let Some(end_of_tag) = rest.find('>') else { break };
            prepared.push_str(&rest[..=end_of_tag]);
            rest = &rest[end_of_tag + 1..];
            let end = format!("</{name}");
            let found =
                rest.as_bytes().windows(end.len()).position(|window| window.eq_ignore_ascii_case(end.as_bytes()));
            rest = found.map_or("", |end| &rest[end..]);
        }
    }
    prepared.push_str(rest);
    prepared
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "<!DOCTYPE html><HTML><Head><TITLE>\n A &lt;b&gt; \n</TITLE><script>if (a<b) x = '<p>no</p>'</SCRIPT>\
        </head><body><div id=main class='news big'><p>one <b>two</b></p><ul><li><a href=\"/a?x=1&amp;y=2\">A</a></li>\
        <li><a href='/b' data-x>B</a></li></ul></div><!-- <p>no</p> --><p class=small>three<br>four</p></body></HTML>";

    fn texts(css: &str) -> Vec<String> {
        let found = Document::parse(PAGE).select(css).expect("it is understood");
        found.into_iter().map(|element| element.text).collect()
    }

    #[test]
    fn titles_are_found_and_decoded() {
        assert_eq!(Document::parse(PAGE).title().as_deref(), Some("A <b>"));
        assert_eq!(Document::parse("no html at all").title(), None);
        assert_eq!(Document::parse("").title(), None);
    }

    #[test]
    fn selectors_select() {
        assert_eq!(texts("p"), ["one two", "threefour"]);
        assert_eq!(texts("div p"), ["one two"]);
        assert_eq!(texts("body > p"), ["threefour"]);
        assert_eq!(texts("#main a"), ["A", "B"]);
        assert_eq!(texts(".news>ul > li"), ["A", "B"]);
        assert_eq!(texts("div.news.big b"), ["two"]);
        assert_eq!(texts("a[data-x], b,p.small"), ["two", "B", "threefour"]);
        assert_eq!(texts("a[href='/b']"), ["B"]);
        assert_eq!(texts("li > p").len(), 0);
        assert_eq!(texts("div li a"), ["A", "B"]);
    }

    #[test]
    fn elements_tell_about_themselves() {
        let found = Document::parse(PAGE).select("a").expect("it is understood");
        assert_eq!((found[0].name(), found[0].attribute("HREF")), ("a", Some("/a?x=1&y=2")));
        assert_eq!((found[1].attribute("data-x"), found[1].attribute("id")), (Some(""), None));
        assert_eq!(found[1].html(), "<a href='/b' data-x>B</a>");
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        for css in ["", " ", ",", "a,", "> a", "a >", "a > > b", "a:hover", "a + b", "a[", "a[href", "a ~ b"] {
            let error = Document::parse(PAGE).select(css).expect_err(css);
            assert!(error.to_string().contains("is not understood"), "{error}");
        }
    }

    #[test]
    fn broken_pages_do_no_harm() {
        for html in
            ["<", "</", "<!--", "<script", "<script>", "<a", "<a href", "<p>".repeat(3000).as_str(), "<é>ü</é>", "<p><"]
        {
            let page = Document::parse(html);
            let _ = (page.title(), page.select("p"), page.select("*"));
        }
    }
}
