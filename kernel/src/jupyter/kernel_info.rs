//! Who the kernel says it is.

use std::sync::{Arc, OnceLock};

use jupyter_protocol::messaging::{CodeMirrorMode, HelpLink, KernelInfoReply, LanguageInfo, ReplyStatus};

use super::message::PROTOCOL_VERSION;

/// What the kernel's main knows and the protocol does not.
#[derive(Debug, Clone, Default)]
pub struct KernelInfo {
    /// The version of the compiler (`1.95.0`). It may be set while the kernel serves
    /// already: asking the compiler would delay the first reply.
    pub language_version: Arc<OnceLock<String>>,
}

impl KernelInfo {
    pub fn reply(&self) -> KernelInfoReply {
        let version = env!("CARGO_PKG_VERSION");
        let rust = self.language_version.get().cloned().unwrap_or_default();
        KernelInfoReply {
            status: ReplyStatus::Ok,
            protocol_version: PROTOCOL_VERSION.into(),
            implementation: "threadbook".into(),
            implementation_version: version.into(),
            banner: format!(
                "Threadbook {version}: Rust, cell by cell\n\
                 %help lists what a cell can do, TAB completes, Shift-TAB or NAME? explains."
            ),
            // The names by which JupyterLab finds its Rust highlighter.
            language_info: LanguageInfo {
                name: "rust".into(),
                version: rust,
                mimetype: Some("text/x-rustsrc".into()),
                file_extension: Some(".rs".into()),
                pygments_lexer: Some("rust".into()),
                codemirror_mode: Some(CodeMirrorMode::Simple("rust".into())),
                nbconvert_exporter: Some(String::new()),
            },
            help_links: [
                ("The Rust book", "https://doc.rust-lang.org/book/"),
                ("Rust by example", "https://doc.rust-lang.org/rust-by-example/"),
                ("The standard library", "https://doc.rust-lang.org/std/"),
                ("Rayon", "https://docs.rs/rayon"),
            ]
            .map(|(text, url)| HelpLink { text: text.into(), url: url.into() })
            .into(),
            debugger: false,
            error: None,
        }
    }
}
