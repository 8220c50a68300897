//! What stands at an address.

use std::time::Duration;

use super::picture;

/// Wider and higher pictures are not found.
const LARGEST_PICTURE: usize = 4000;
const LONGEST_DELAY: f64 = 3600.0;

/// An answer.
pub struct Page {
    pub status: u16,
    pub content_type: &'static str,
    pub body: Vec<u8>,
    pub location: Option<&'static str>,
}

fn html(status: u16, title: &str, body: &str) -> Page {
    let text = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>{title}</title></head>\n<body>\n\
         <h1>{title}</h1>\n{body}\n</body>\n</html>\n"
    );
    Page { status, content_type: "text/html; charset=utf-8", body: text.into_bytes(), location: None }
}

/// A page that says what went wrong.
pub fn error(status: u16) -> Page {
    let title = format!("{status} {}", reason(status));
    match status {
        // These have no content.
        204 | 304 => Page { body: Vec::new(), ..html(status, "", "") },
        _ => html(status, &title, ""),
    }
}

pub fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        302 => "Found",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        418 => "I'm a Teapot",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => match status / 100 {
            2 => "Success",
            3 => "Elsewhere",
            4 => "Wrong Request",
            _ => "Error",
        },
    }
}

fn parts(target: &str) -> Vec<&str> {
    let path = target.split(['?', '#']).next().unwrap_or_default();
    path.split('/').filter(|part| !part.is_empty()).collect()
}

/// How long the address itself asks to wait.
pub fn delay(target: &str) -> Duration {
    match parts(target)[..] {
        ["delay", seconds] => {
            let seconds = seconds.parse::<f64>().ok().filter(|seconds| (0.0..=LONGEST_DELAY).contains(seconds));
            Duration::from_secs_f64(seconds.unwrap_or(0.0))
        }
        _ => Duration::ZERO,
    }
}

/// The answer to a request for `target`.
pub fn page(target: &str) -> Page {
    match parts(target)[..] {
        [] => {
            let links: String = (1..=10).map(|n| format!("<li><a href=\"/page/{n}\">Page {n}</a></li>\n")).collect();
            html(
                200,
                "A site for lessons",
                &format!("<ul>\n{links}</ul>\n<p><img src=\"/240/160\" alt=\"A picture\"></p>"),
            )
        }
        ["page", number] => match number.parse::<u32>() {
            Ok(number) => html(200, &format!("Page {number}"), &text_of(number)),
            Err(_) => error(404),
        },
        ["delay", seconds] if seconds.parse::<f64>().is_ok_and(|seconds| (0.0..=LONGEST_DELAY).contains(&seconds)) => {
            html(200, &format!("After {seconds} seconds"), "")
        }
        ["status", status] => match status.parse() {
            // Others are not the end of an answer.
            Ok(status @ 200..600) => error(status),
            _ => error(404),
        },
        ["redirect"] => Page { location: Some("/"), ..error(302) },
        [width, height] => match (width.parse(), height.parse()) {
            (Ok(width @ 1..=LARGEST_PICTURE), Ok(height @ 1..=LARGEST_PICTURE)) => Page {
                status: 200,
                content_type: "image/png",
                body: picture::png(width, height, target),
                location: None,
            },
            _ => error(404),
        },
        _ => error(404),
    }
}

fn text_of(number: u32) -> String {
    let words = ["threads", "share", "memory", "and", "processes", "do", "not", "unless", "they", "ask", "for", "it"];
    let paragraph = |paragraph: u32| {
        let seed = number % 1000 + paragraph * 5;
        let word = |index: u32| words[(index * ((number % 12) | 1) + seed) as usize % words.len()];
        format!("<p>{}.</p>\n", (0..20 + seed % 20).map(word).collect::<Vec<_>>().join(" "))
    };
    let paragraphs: String = (0..3).map(paragraph).collect();
    let link = |to: u32| format!("<li><a href=\"/page/{to}\">Page {to}</a></li>\n");
    let links: String = [number.checked_sub(1), number.checked_add(1)].into_iter().flatten().map(link).collect();
    format!("{paragraphs}<ul>\n{links}</ul>\n<p><img src=\"/240/160?{number}\" alt=\"Picture {number}\"></p>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_pages_or_none() {
        let status = |target| page(target).status;
        for target in ["/", "/page/0", "/page/4294967295", "/page/7?x=1", "/1/1", "/delay/0.5", "//page//3/"] {
            assert_eq!(status(target), 200, "{target}");
        }
        for target in
            ["/page", "/page/-1", "/page/x", "/0/5", "/4001/5", "/a/b/c", "/delay/x", "/delay/inf", "/status/99"]
        {
            assert_eq!(status(target), 404, "{target}");
        }
        assert_eq!((status("/status/418"), status("/redirect"), status("/status/200")), (418, 302, 200));
        assert!(page("/status/204").body.is_empty());
    }

    #[test]
    fn delays_are_sensible() {
        assert_eq!(delay("/delay/0.5"), Duration::from_millis(500));
        for none in ["/delay/-1", "/delay/nan", "/delay/1e300", "/page/5"] {
            assert_eq!(delay(none), Duration::ZERO);
        }
    }
}
