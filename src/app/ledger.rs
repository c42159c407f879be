//! `ledger verify` and `ledger export`: the record of what was done, checked and printed.
//!
//! In: the ledger, and the anchors in the bucket. Out: differences, counts, lines. Changes nothing.

use std::collections::BTreeMap;

use super::process::runtime;
use crate::archive::{Bucket, Listed, service_key};
use crate::bytes::ByteSize;
use crate::cli::LedgerCommand;
use crate::config::{Archive, Host, Layers, Target};
use crate::error::{Error, Kind, Result, Warning};
use crate::ledger::{ANCHOR_FOLDER, Anchor, Ledger};
use crate::report::Report;

/// An anchor is some hundred bytes.
const ANCHOR_BYTES: ByteSize = ByteSize(64 << 10);

/// Runs the subcommand.
pub(super) fn run(command: &LedgerCommand, layers: &Layers, host: &Host, report: &mut Report) -> Result<()> {
    let place = &host.ledger.value;
    let ledger = Ledger::open_existing(place)?.ok_or_else(|| {
        Error::new(Kind::LedgerFailed, format!("find a ledger in `{place}`"))
            .hint("check --state-dir; backup and cleanup make one")
    })?;
    report.sealed(ledger.head()?.hash);
    match command {
        LedgerCommand::Export(args) => report.export(|line| ledger.export(args.since, line)),
        // Needs no ledger: `app::verify`.
        LedgerCommand::Rebuild(_) => Ok(()),
        LedgerCommand::Verify(args) => match Archive::resolve_for_reading(layers, &args.archive)? {
            Archive::Ready(target) => verify(&ledger, Some(&target), report),
            Archive::Disabled(_) | Archive::Absent => verify(&ledger, None, report),
        },
    }
}

/// Walks the chain, and holds every anchor of this ledger against it: what lies in the bucket must be an entry here.
fn verify(ledger: &Ledger, target: Option<&Target>, report: &mut Report) -> Result<()> {
    let runtime = runtime()?;
    let mut anchors = match target {
        Some(target) => runtime.block_on(find_anchors(target)),
        None => Err(Error::new(Kind::IncompleteConfiguration, "no S3 archive is configured")),
    };
    match &anchors {
        Err(error) if matches!(error.kind, Kind::AccessDenied | Kind::IncompleteConfiguration) => {
            let message = format!(
                "the anchors in the bucket are not checked, and so a cut tail is not found: {error}; a key that may list and \
                 read is set with S3_VERIFY_ACCESS_KEY and S3_VERIFY_SECRET_ACCESS_KEY"
            );
            report.warning(&Warning::new("anchors_not_checked", message));
        }
        _ => {}
    }
    let mut known = 0;
    let entries = ledger.verify(
        |fault| report.difference(&broken(ledger, &fault.to_string())),
        |hash| known += anchors.as_mut().map_or(0, |anchors| u64::from(anchors.keys.remove(hash).is_some())),
    )?;
    match anchors {
        Ok(anchors) => {
            for anchor in runtime.block_on(anchors.of_ledger(ledger.id()))? {
                let Anchor { at, seq, head, .. } = anchor;
                let what = format!(
                    "the anchor of {at} in the bucket says that entry {seq} has the hash {head}; no entry has: entries were cut off or rewritten"
                );
                report.difference(&broken(ledger, &what));
            }
            report.ledger_checked(entries, Some(known));
        }
        Err(error) if matches!(error.kind, Kind::AccessDenied | Kind::IncompleteConfiguration) => {
            report.ledger_checked(entries, None);
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

fn broken(ledger: &Ledger, what: &str) -> Error {
    Error::new(Kind::LedgerBroken, format!("verify the ledger `{}`: {what}", ledger.shown()))
}

/// The anchors in a bucket: their keys, by the head that each names.
struct Anchors {
    bucket: Bucket,
    keys: BTreeMap<String, String>,
}

async fn find_anchors(target: &Target) -> Result<Anchors> {
    let bucket = Bucket::connect_for_reading(target).await?;
    let folder = service_key(&target.prefix.value, ANCHOR_FOLDER);
    let mut keys = BTreeMap::new();
    let with_head = |object: Listed| Some((Anchor::head_of_name(&object.key)?.to_owned(), object.key));
    bucket.list(&folder, |page| keys.extend(page.into_iter().filter_map(with_head))).await?;
    Ok(Anchors { bucket, keys })
}

impl Anchors {
    /// Those that are left and belong to this ledger: those of other ledgers may lie beside them.
    async fn of_ledger(&self, id: &str) -> Result<Vec<Anchor>> {
        let mut found = Vec::new();
        for key in self.keys.values() {
            let bytes = self.bucket.read_small(key, ANCHOR_BYTES).await?;
            found.extend(Anchor::from_bytes(&bytes).filter(|anchor| anchor.ledger == id));
        }
        Ok(found)
    }
}
