//! The store: does it take what we send, who may read it, and how well it keeps it.
//!
//! In: the target. Out: checks, as they are made. Leaves one small object, `_probe/doctor` below the prefix.

use std::time::Duration;

use super::check::Check;
use crate::archive::{Bucket, Evidence, Lifecycle, Marks, ObjectLock, Versioning, service_key};
use crate::cli::ProofLevel;
use crate::config::{Archive, Target};
use crate::error::{Error, Kind, Result};
use crate::time::{Clock, days_and_less};

/// The small object, below the prefix.
const PROBE: &str = "_probe/doctor";
/// Stores refuse from 15 minutes on.
const SKEW_REFUSED: Duration = Duration::from_secs(15 * 60);
const SKEW_SEEN: Duration = Duration::from_secs(60);
/// What asks with the key for reading.
const READERS: &str = "verify, restore and list --remote";
const READING_KEY: &str =
    "set S3_VERIFY_ACCESS_KEY and S3_VERIFY_SECRET_ACCESS_KEY to a key with s3:GetObject and s3:ListBucket";

/// Whether there is an archive at all.
pub fn archive(archive: &Result<Archive>) -> Check {
    const NAME: &str = "s3";
    let target = match archive.as_ref().map(Archive::target) {
        Ok(Ok(target)) => target,
        Ok(Err(error)) => return Check::failed(NAME, &error),
        Err(error) => return Check::failed(NAME, error),
    };
    let endpoint = target.endpoint_url.as_ref().map_or("AWS", |url| &url.value);
    let Target { bucket, prefix, region, .. } = target;
    let style = if target.path_style.value { "path style" } else { "bucket in the host name" };
    let place = format!("bucket `{}`, prefix `{}`", bucket.value, prefix.value);
    Check::ok(NAME, format!("{endpoint}, {place}, region {}, {style}", region.value))
}

/// Asks the store, one question at a time.
pub async fn bucket(target: &Target, each: &mut dyn FnMut(Check)) -> Result<()> {
    let key = service_key(&target.prefix.value, PROBE);
    let writer = Bucket::connect(target).await?;
    let put = writer.put_probe(&key).await;
    let (may_read, marks) = writer.may_read(&key).await;
    each(clock(&marks));
    let is_there = put.is_ok();
    each(evidence(target.proof.value, &key, put));
    if is_there {
        each(overwriting(writer.keeps_on_demand(&key).await));
        each(writing_key(target, may_read, writer.may_list(&target.prefix.value).await));
    } else {
        each(Check::skipped("s3_overwriting", "the small object could not be put"));
        each(Check::skipped("s3_key", "the small object could not be put"));
    }
    let is_separate = target.reading.is_some();
    let reader = if is_separate { Bucket::connect_for_reading(target).await? } else { writer };
    if is_separate && is_there {
        let (may_read, _) = reader.may_read(&key).await;
        each(reading_key(may_read, reader.may_list(&target.prefix.value).await));
    } else if is_separate {
        each(Check::skipped("s3_reading_key", "the small object could not be put"));
    }
    each(property("s3_versioning", reader.versioning().await, versioning));
    each(property("s3_object_lock", reader.object_lock().await, object_lock));
    let is_minio = marks.server.as_deref().is_some_and(|server| server.starts_with("MinIO"));
    let lifecycle = reader.lifecycle(&target.prefix.value).await;
    each(property("s3_lifecycle", lifecycle, |found| lifecycle_of(&found, is_minio)));
    Ok(())
}

/// Signatures go by the system's clock, also where `FASTFLOW_ARCHIVE_NOW` froze another.
fn clock(marks: &Marks) -> Check {
    const NAME: &str = "s3_clock";
    let Some(theirs) = marks.date else { return Check::skipped(NAME, "the store did not say what time it is") };
    let ours = Clock::System.now();
    let (skew, side) = if ours > theirs { (ours.since(theirs), "ahead of") } else { (theirs.since(ours), "behind") };
    let skew = Duration::from_secs(skew.as_secs());
    if skew < SKEW_SEEN {
        return Check::ok(NAME, "this machine and the store agree to the minute");
    }
    let message = format!("this machine is {} {side} the store", days_and_less(skew));
    let hint = "set the clock of the one that is wrong (NTP); stores refuse from 15 minutes on";
    if skew < SKEW_REFUSED { Check::warning(NAME, message, hint) } else { Check::problem(NAME, message, hint) }
}

fn evidence(proof: ProofLevel, key: &str, put: Result<Evidence>) -> Check {
    const NAME: &str = "s3_put";
    let done = format!("`{key}` was put");
    match put {
        Err(error) => Check::failed(NAME, &error),
        Ok(Evidence::Etag) => Check::ok(NAME, format!("{done}, and its ETag is its MD5: that is a receipt")),
        Ok(Evidence::EnforcedDigest) => {
            Check::ok(NAME, format!("{done}, and wrong digests are refused: that is a receipt"))
        }
        Ok(Evidence::Nothing) if proof == ProofLevel::Readback => {
            Check::ok(NAME, format!("{done}; the answer proves nothing, but --proof readback reads it back"))
        }
        Ok(Evidence::Nothing) => {
            let message =
                format!("{done}, but the answer proves nothing: no MD5 as ETag, and wrong digests are accepted");
            Check::problem(NAME, message, "use --proof readback (needs s3:GetObject); without proof nothing is deleted")
        }
    }
}

/// What is cut off a log takes the next free number, and the ledger may be lost: the store itself must keep what is there.
fn overwriting(keeps: Result<bool>) -> Check {
    const NAME: &str = "s3_overwriting";
    match keeps {
        Ok(true) => Check::ok(NAME, "the store keeps what is there where it is asked to (If-None-Match)"),
        Ok(false) => {
            let message = "the store ignores If-None-Match: with a new ledger, what LOG_MAX_SIZE_MB cuts off a log could replace \
                           what was cut off it before";
            Check::warning(NAME, message, "keep copies of the ledger, or switch on versioning where the store has it")
        }
        Err(error) => Check::failed(NAME, &error),
    }
}

/// What the key of every night may do besides.
fn writing_key(target: &Target, may_read: Result<bool>, may_list: Result<bool>) -> Check {
    const NAME: &str = "s3_key";
    let needs_reading = target.proof.value != ProofLevel::Receipt;
    let (read, list) = match (may_read, may_list) {
        (Ok(read), Ok(list)) => (read, list),
        (Err(error), _) | (_, Err(error)) => return Check::failed(NAME, &error),
    };
    let may = match (read, list) {
        (false, false) if needs_reading => {
            let message = "the key may only put, but --proof head and readback read";
            return Check::problem(NAME, message, "allow s3:GetObject for the key, or use --proof receipt");
        }
        (false, false) => {
            let reading =
                if target.reading.is_some() { "" } else { "; for verify and restore set S3_VERIFY_ACCESS_KEY" };
            return Check::ok(NAME, format!("the key may put and not read, as recommended{reading}"));
        }
        (true, false) if needs_reading => {
            return Check::ok(NAME, "the key may put and read, as --proof needs it, and not list");
        }
        (true, true) => "read and list",
        (true, false) => "read",
        (false, true) => "list",
    };
    let hint =
        "give the nightly key s3:PutObject alone (README, \"The key may only put\"), and S3_VERIFY_ACCESS_KEY the rest";
    Check::warning(NAME, format!("the key may also {may}: who takes this machine over can do so, too"), hint)
}

fn reading_key(may_read: Result<bool>, may_list: Result<bool>) -> Check {
    const NAME: &str = "s3_reading_key";
    match (may_read, may_list) {
        (Ok(true), Ok(true)) => Check::ok(NAME, format!("the key for reading may read and list: {READERS} work")),
        (Ok(read), Ok(_)) => {
            let lacks = if read { "list" } else { "read" };
            let hint = "allow it s3:GetObject on the objects and s3:ListBucket on the bucket";
            Check::problem(NAME, format!("the key for reading may not {lacks}: {READERS} fail"), hint)
        }
        (Err(error), _) | (_, Err(error)) => {
            let hint = "check S3_VERIFY_ACCESS_KEY and S3_VERIFY_SECRET_ACCESS_KEY";
            Check::problem(NAME, format!("failed to {error}"), hint)
        }
    }
}

/// A property of the bucket that may not be there to be read.
fn property<T>(name: &'static str, found: Result<Option<T>>, judge: impl Fn(T) -> Check) -> Check {
    match found {
        Ok(Some(found)) => judge(found),
        Ok(None) => Check::skipped(name, "the store does not know it"),
        Err(error) if denied(&error) => {
            Check::skipped(name, format!("the key may not see it; {READING_KEY}, and the like"))
        }
        Err(error) => Check::skipped(name, format!("failed to {error}")),
    }
}

fn denied(error: &Error) -> bool {
    error.kind == Kind::AccessDenied
}

fn versioning(found: Versioning) -> Check {
    const NAME: &str = "s3_versioning";
    match found {
        Versioning::Enabled => Check::ok(NAME, "on: what is overwritten stays as a version"),
        Versioning::Suspended | Versioning::Off => {
            let message = "off: who has the key can overwrite what is archived";
            Check::warning(NAME, message, "switch it on: `mc version enable STORE/BUCKET`")
        }
    }
}

fn object_lock(found: ObjectLock) -> Check {
    const NAME: &str = "s3_object_lock";
    match found {
        ObjectLock::Default(mode, days) => {
            Check::ok(NAME, format!("{mode}, {days} days: nobody who may write can remove an object before"))
        }
        ObjectLock::WithoutDefault => {
            let message = "possible, but no default retention is set: nothing is locked";
            Check::warning(NAME, message, "`mc retention set --default GOVERNANCE 365d STORE/BUCKET`")
        }
        ObjectLock::Off => {
            let message = "off: who administers the bucket can remove what is archived";
            Check::warning(NAME, message, "a bucket is made with it: `mc mb --with-lock STORE/BUCKET`")
        }
    }
}

fn lifecycle_of(found: &Lifecycle, is_minio: bool) -> Check {
    const NAME: &str = "s3_lifecycle";
    if let Some(when) = &found.expires {
        let message = format!("a rule removes archived runs {when}");
        return Check::warning(
            NAME,
            message,
            "if that is the retention of the archive, all is well; verify will miss them",
        );
    }
    match (found.clears_unfinished, is_minio) {
        (true, _) => Check::ok(NAME, "unfinished uploads are removed, archived runs stay"),
        (false, true) => Check::ok(NAME, "archived runs stay; MinIO removes unfinished uploads by itself"),
        (false, false) => {
            let message = "no rule removes unfinished multipart uploads: they stay, unseen, and are paid for";
            Check::warning(NAME, message, "add a rule with AbortIncompleteMultipartUpload after 7 days")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[test]
    fn clocks_may_differ_by_a_minute_and_must_not_by_a_quarter_of_an_hour() {
        let verdict = |seconds: u64| {
            let date = Some(Clock::System.now().minus(Duration::from_secs(seconds)));
            clock(&Marks { date, server: None }).verdict
        };
        assert_eq!(
            [0, 50, 70, 800, 1000].map(verdict),
            [Verdict::Ok, Verdict::Ok, Verdict::Warning, Verdict::Warning, Verdict::Problem]
        );
        assert_eq!(clock(&Marks::default()).verdict, Verdict::Skipped);
    }

    #[test]
    fn only_minio_clears_unfinished_uploads_by_itself() {
        let none = Lifecycle::default();
        assert_eq!(lifecycle_of(&none, true).verdict, Verdict::Ok);
        assert_eq!(lifecycle_of(&none, false).verdict, Verdict::Warning);
        let expires = Lifecycle { expires: Some("after 90 days".into()), clears_unfinished: true };
        assert_eq!(lifecycle_of(&expires, true).verdict, Verdict::Warning);
    }

    #[test]
    fn an_answer_that_proves_nothing_is_enough_only_where_everything_is_read_back() {
        let verdict = |proof, found| evidence(proof, PROBE, Ok(found)).verdict;
        let each = [Evidence::Etag, Evidence::EnforcedDigest, Evidence::Nothing];
        assert_eq!(each.map(|found| verdict(ProofLevel::Receipt, found)), [Verdict::Ok, Verdict::Ok, Verdict::Problem]);
        assert_eq!(verdict(ProofLevel::Head, Evidence::Nothing), Verdict::Problem);
        assert_eq!(verdict(ProofLevel::Readback, Evidence::Nothing), Verdict::Ok);
    }

    #[test]
    fn a_key_for_reading_that_lacks_a_right_is_a_problem_that_names_it() {
        let lacks = [(true, true), (true, false), (false, true), (false, false)].map(|(read, list)| {
            let check = reading_key(Ok(read), Ok(list));
            (check.verdict, check.message.contains("may not list"), check.message.contains("may not read"))
        });
        let problem = Verdict::Problem;
        assert_eq!(
            lacks,
            [(Verdict::Ok, false, false), (problem, true, false), (problem, false, true), (problem, false, true)]
        );
    }

    #[test]
    fn a_store_that_overwrites_what_it_is_asked_to_keep_is_a_warning() {
        let verdicts = [Ok(true), Ok(false), Err(Error::new(Kind::StorageFailing, "upload"))]
            .map(|keeps| overwriting(keeps).verdict);
        assert_eq!(verdicts, [Verdict::Ok, Verdict::Warning, Verdict::Problem]);
    }
}
