//! The two bodies of a mail: text that reads well at 78 columns, and HTML for phones and Outlook.
//!
//! In: a [`Letter`]. Out: text, HTML. The HTML is one column of tables with inline styles, without images, scripts and
//! style sheets, which Outlook's renderer (Word) and phones show alike; every value in it is escaped.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthStr as _;

use super::letter::{Cause, Letter, Tone};
use super::texts::{self, and_more};
use crate::config::Language;

const COLUMNS: usize = 78;

/// Appends `text`, wrapped; words that are longer than a line stay whole.
fn wrap(out: &mut String, indent: &str, text: &str) {
    let mut column = 0;
    for word in text.split_whitespace() {
        if column > 0 && column + 1 + word.width() > COLUMNS {
            out.push('\n');
            column = 0;
        }
        let before = if column == 0 { indent } else { " " };
        column += before.width() + word.width();
        out.push_str(before);
        out.push_str(word);
    }
    out.push('\n');
}

/// The text.
pub(super) fn text(letter: &Letter) -> String {
    let mut out = String::new();
    wrap(&mut out, "", &letter.title);
    wrap(&mut out, "", &letter.lead);
    for cause in &letter.causes {
        out.push('\n');
        text_cause(&mut out, letter.language, cause);
    }
    out.push('\n');
    let widest = letter.facts.iter().map(|(name, _)| name.width()).max().unwrap_or(0);
    for (name, value) in &letter.facts {
        let padding = " ".repeat(widest - name.width());
        // Never longer than a line but for the ledger's head, which must stay whole.
        if widest + 2 + value.width() <= COLUMNS {
            let _ = writeln!(out, "{name}{padding}  {value}");
        } else {
            let _ = writeln!(out, "{name}");
            wrap(&mut out, "  ", value);
        }
    }
    if let Some((label, url)) = &letter.link {
        let _ = write!(out, "\n{label}:\n{url}\n");
    }
    for (heading, cause) in letter.lists() {
        out.push('\n');
        wrap(&mut out, "", &heading);
        for run in &cause.runs {
            let _ = writeln!(out, "  {}  {}", run.id, shortened(&run.pipeline, COLUMNS - 40));
        }
        if cause.more > 0 {
            let _ = writeln!(out, "  {}", and_more(letter.language, cause.more));
        }
    }
    if let Some(footer) = &letter.footer {
        out.push('\n');
        wrap(&mut out, "", footer);
    }
    out
}

fn text_cause(out: &mut String, language: Language, cause: &Cause) {
    wrap(out, "", &format!("* {}", cause.headline()));
    wrap(out, "  ", &format!("{}: {}", texts::MESSAGE.of(language), cause.message));
    wrap(out, "  ", &format!("{}: {}", texts::NEXT_STEP.of(language), cause.step));
}

fn shortened(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut short = String::new();
    for character in text.chars() {
        if short.width() + 2 > columns {
            break;
        }
        short.push(character);
    }
    short + "\u{2026}"
}

fn escaped(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len() + 16), |mut out, character| {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
        out
    })
}

const SANS: &str = "font-family:'Segoe UI',Helvetica,Arial,sans-serif";
const MONO: &str = "font-family:Consolas,Menlo,monospace;font-size:13px;line-height:19px;word-break:break-word";
const TABLE: &str = "role=\"presentation\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" width=\"100%\"";

/// The HTML.
pub(super) fn html(letter: &Letter) -> String {
    let tone = match letter.tone {
        Tone::Bad => "#b91c1c",
        Tone::Good => "#15803d",
        Tone::Neutral => "#1d4ed8",
    };
    let language = if letter.language == Language::German { "de" } else { "en" };
    let (subject, title, lead) = (escaped(&letter.subject), escaped(&letter.title), escaped(&letter.lead));
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"{language}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{subject}</title>\n</head>\n\
         <body style=\"margin:0;padding:0;background-color:#f3f4f6\">\n\
         <table {TABLE} style=\"background-color:#f3f4f6\"><tr><td align=\"center\" style=\"padding:16px 8px\">\n\
         <!--[if mso]><table role=\"presentation\" width=\"640\" cellpadding=\"0\" cellspacing=\"0\"><tr><td><![endif]-->\n\
         <table {TABLE} style=\"max-width:640px;background-color:#ffffff;border:1px solid #d1d5db;border-top:6px solid {tone}\">\n\
         <tr><td style=\"padding:20px 20px 4px 20px;{SANS};font-size:16px;line-height:24px;color:#1f2937;text-align:left\">\n\
         <h1 style=\"margin:0 0 8px 0;font-size:21px;line-height:28px;color:{tone}\">{title}</h1>\n\
         <p style=\"margin:0 0 16px 0\">{lead}</p>\n</td></tr>\n"
    );
    for cause in &letter.causes {
        html_cause(&mut out, letter.language, cause);
    }
    let _ = write!(out, "<tr><td style=\"padding:4px 20px 16px 20px\">\n<table {TABLE}>\n");
    for (name, value) in &letter.facts {
        // A digest has no spaces to break at.
        let breaks = if value.contains(' ') { "" } else { ";word-break:break-all" };
        let _ = writeln!(
            out,
            "<tr><td valign=\"top\" width=\"38%\" style=\"padding:5px 12px 5px 0;border-top:1px solid #e5e7eb;{SANS};font-size:14px;\
             line-height:20px;color:#6b7280\">{}</td><td valign=\"top\" style=\"padding:5px 0;border-top:1px solid #e5e7eb;{SANS};\
             font-size:14px;line-height:20px;color:#1f2937{breaks}\">{}</td></tr>",
            escaped(name),
            escaped(value)
        );
    }
    out.push_str("</table>\n</td></tr>\n");
    if let Some((label, url)) = &letter.link {
        let _ = write!(
            out,
            "<tr><td style=\"padding:0 20px 20px 20px\">\n<table role=\"presentation\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\"><tr>\
             <td bgcolor=\"#1d4ed8\" style=\"background-color:#1d4ed8;padding:10px 18px\"><a href=\"{}\" style=\"{SANS};font-size:15px;\
             line-height:20px;color:#ffffff;text-decoration:none;display:inline-block\">{}</a></td></tr></table>\n</td></tr>\n",
            escaped(url),
            escaped(label)
        );
    }
    for (heading, cause) in letter.lists() {
        html_list(&mut out, letter.language, &heading, cause);
    }
    if let Some(footer) = &letter.footer {
        let _ = writeln!(
            out,
            "<tr><td style=\"padding:0 20px 20px 20px;{SANS};font-size:13px;line-height:19px;color:#6b7280\">{}</td></tr>",
            escaped(footer)
        );
    }
    out.push_str("</table>\n<!--[if mso]></td></tr></table><![endif]-->\n</td></tr></table>\n</body>\n</html>\n");
    out
}

fn html_cause(out: &mut String, language: Language, cause: &Cause) {
    let concerned = cause
        .concerned
        .as_ref()
        .map(|concerned| format!("<br><span style=\"font-weight:normal;color:#6b7280\">{}</span>", escaped(concerned)));
    let _ = write!(
        out,
        "<tr><td style=\"padding:0 20px 16px 20px;{SANS};font-size:15px;line-height:22px;color:#1f2937;text-align:left\">\n\
         <p style=\"margin:0 0 6px 0;font-weight:bold\">{}{}</p>\n\
         <p style=\"margin:0 0 8px 0;padding:8px 10px;background-color:#f3f4f6;{MONO}\">{}</p>\n\
         <p style=\"margin:0 0 8px 0\"><b>{}:</b> {}</p>\n",
        escaped(&cause.meaning),
        concerned.unwrap_or_default(),
        escaped(&cause.message),
        texts::NEXT_STEP.of(language),
        escaped(&cause.step)
    );
    out.push_str("</td></tr>\n");
}

fn html_list(out: &mut String, language: Language, heading: &str, cause: &Cause) {
    let _ = writeln!(
        out,
        "<tr><td style=\"padding:0 20px 16px 20px;{SANS};font-size:14px;line-height:20px;color:#1f2937;text-align:left\">\n\
         <p style=\"margin:0 0 6px 0;font-weight:bold\">{}</p>\n<table {TABLE}>",
        escaped(heading)
    );
    for run in &cause.runs {
        let id = escaped(&run.id);
        let id = match &run.url {
            Some(url) => format!("<a href=\"{}\" style=\"color:#1d4ed8\">{id}</a>", escaped(url)),
            None => id,
        };
        let _ = writeln!(
            out,
            "<tr><td style=\"padding:3px 0;border-top:1px solid #e5e7eb;{SANS};font-size:14px;line-height:20px;color:#1f2937;\
             word-break:break-word\">{}<br><span style=\"{MONO}\">{id}</span></td></tr>",
            escaped(&run.pipeline)
        );
    }
    out.push_str("</table>\n");
    if cause.more > 0 {
        let more = escaped(&and_more(language, cause.more));
        let _ = writeln!(out, "<p style=\"margin:6px 0 0 0;color:#6b7280\">{more}</p>");
    }
    out.push_str("</td></tr>\n");
}
