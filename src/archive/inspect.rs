//! What `doctor` asks of a bucket: does it take a small object, who may read, and how does it keep what it has.
//!
//! In: a key for the small object, the prefix. Out: plain answers, or classified errors. Changes nothing but that one object.

use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_s3::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_sdk_s3::types::{BucketVersioningStatus, DefaultRetention, ExpirationStatus, LifecycleRule};

use super::etag::{Answer, EtagVerdict, judge_etag, plain_etag};
use super::fault::{Fault, classify, http_date};
use super::payload::{Digests, Payload};
use super::s3::{Bucket, Condition, Put};
use crate::error::{Error, Kind, Result};
use crate::time::Timestamp;

/// What a receipt of this store would rest on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// Its ETags are MD5s.
    Etag,
    /// It refuses wrong digests.
    EnforcedDigest,
    /// Nothing.
    Nothing,
}

/// An answer of the store, whatever it says.
#[derive(Debug, Clone, Default)]
pub struct Marks {
    /// What the store's clock said, to the second.
    pub date: Option<Timestamp>,
    /// What it calls itself.
    pub server: Option<String>,
}

/// How the bucket treats versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Versioning {
    /// Every overwritten object stays as a version.
    Enabled,
    /// It was enabled once; what is overwritten now is gone.
    Suspended,
    /// Never enabled.
    Off,
}

/// How the bucket locks objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ObjectLock {
    /// Not at all.
    Off,
    /// It could, but does so only where an upload asks, and ours do not.
    WithoutDefault,
    /// Every object, in this mode, for so many days.
    Default(String, i64),
}

/// What the rules of the bucket do with what is below our prefix.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lifecycle {
    /// Unfinished multipart uploads are removed.
    pub clears_unfinished: bool,
    /// Objects are removed; how the rule says it, such as `after 90 days`.
    pub expires: Option<String>,
}

impl Bucket {
    /// Stores the small object, and says what a receipt for it rests on.
    pub async fn put_probe(&self, key: &str) -> Result<Evidence> {
        let (answer, digests) = self.put_small(key, Condition::Always).await?;
        if !self.is_encrypted_as_asked(&answer) {
            let message = format!("upload `{key}`: the store does not confirm the encryption that S3_SSE asks for");
            return Err(Error::new(Kind::Unproven, message)
                .hint("set up encryption in the store, or remove S3_SSE: nothing would be deleted like this"));
        }
        match judge_etag(&answer, &plain_etag(&digests), key)? {
            EtagVerdict::Equal => Ok(Evidence::Etag),
            EtagVerdict::Opaque if self.enforces_digests(key).await? => Ok(Evidence::EnforcedDigest),
            EtagVerdict::Opaque => Ok(Evidence::Nothing),
        }
    }

    /// Whether the store refuses to overwrite the small object where it is asked not to.
    pub async fn keeps_on_demand(&self, key: &str) -> Result<bool> {
        match self.put_small(key, Condition::New).await {
            Ok(_) => Ok(false),
            Err(error) if error.kind == Kind::ObjectExists => Ok(true),
            // It does not know the header.
            Err(error) if error.kind == Kind::ObjectRefused => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn put_small(&self, key: &str, condition: Condition) -> Result<(Answer, Digests)> {
        let body = bytes::Bytes::from_static(b"fastflow-archive doctor was here\n");
        let digests = Digests::of(&body);
        let put = Put {
            key: key.into(),
            payload: Payload::Memory(body),
            digests,
            metadata: Arc::default(),
            content_type: "text/plain",
            condition,
        };
        Ok((self.put(&put).await?, digests))
    }

    /// Whether these credentials may read the small object; and what the answer says about the store.
    pub async fn may_read(&self, key: &str) -> (Result<bool>, Marks) {
        let watch = Watch::default();
        let request = self.client.get_object().bucket(&*self.name).key(key);
        let answer = request.customize().interceptor(watch.clone()).send().await;
        let may = match answer.map_err(|error| classify(&format!("read `{key}`"), error)) {
            Ok(_) => Ok(true),
            Err(fault) if fault.error.kind == Kind::AccessDenied => Ok(false),
            Err(fault) => Err(fault.error),
        };
        (may, watch.marks())
    }

    /// How the bucket treats versions; `None` where the store does not know the question.
    pub async fn versioning(&self) -> Result<Option<Versioning>> {
        let request = self.client.get_bucket_versioning().bucket(&*self.name);
        let answer = request.send().await.map_err(|error| classify("read the versioning of the bucket", error));
        let found = known(answer)?.map(|answer| match answer.status() {
            Some(BucketVersioningStatus::Enabled) => Versioning::Enabled,
            Some(_) => Versioning::Suspended,
            None => Versioning::Off,
        });
        Ok(found)
    }

    /// How the bucket locks objects; `None` where the store does not know the question.
    pub async fn object_lock(&self) -> Result<Option<ObjectLock>> {
        const OFF: &str = "ObjectLockConfigurationNotFoundError";
        let request = self.client.get_object_lock_configuration().bucket(&*self.name);
        let answer = request.send().await.map_err(|error| classify("read the object lock of the bucket", error));
        if answer.as_ref().is_err_and(|fault| fault.code == OFF) {
            return Ok(Some(ObjectLock::Off));
        }
        let found = known(answer)?.map(|answer| {
            let Some(configuration) = answer.object_lock_configuration else { return ObjectLock::Off };
            let retention = configuration.rule.and_then(|rule| rule.default_retention);
            retention
                .as_ref()
                .and_then(locked_days)
                .map_or(ObjectLock::WithoutDefault, |(mode, days)| ObjectLock::Default(mode, days))
        });
        Ok(found)
    }

    /// What the rules of the bucket do with objects below `prefix`; `None` where the store does not know the question.
    pub async fn lifecycle(&self, prefix: &str) -> Result<Option<Lifecycle>> {
        const NONE: &str = "NoSuchLifecycleConfiguration";
        let request = self.client.get_bucket_lifecycle_configuration().bucket(&*self.name);
        let answer = request.send().await.map_err(|error| classify("read the lifecycle rules of the bucket", error));
        if answer.as_ref().is_err_and(|fault| fault.code == NONE) {
            return Ok(Some(Lifecycle::default()));
        }
        Ok(known(answer)?.map(|answer| lifecycle_of(answer.rules(), prefix)))
    }
}

/// `None` where the store says that it does not know this request at all.
fn known<T>(answer: Result<T, Fault>) -> Result<Option<T>> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(fault) if matches!(fault.code.as_str(), "NotImplemented" | "MethodNotAllowed") => Ok(None),
        Err(fault) => Err(fault.error),
    }
}

fn locked_days(retention: &DefaultRetention) -> Option<(String, i64)> {
    let days = retention.days.map(i64::from).or(retention.years.map(|years| i64::from(years) * 365))?;
    Some((retention.mode.as_ref()?.as_str().to_owned(), days))
}

fn lifecycle_of(rules: &[LifecycleRule], prefix: &str) -> Lifecycle {
    let mut found = Lifecycle::default();
    for rule in rules.iter().filter(|rule| *rule.status() == ExpirationStatus::Enabled) {
        let filter = rule.filter();
        let and = filter.and_then(|filter| filter.and());
        #[expect(deprecated, reason = "older stores answer in the older form")]
        let own = rule.prefix();
        let of_rule = own.or_else(|| filter?.prefix()).or_else(|| and?.prefix()).unwrap_or_default();
        // Objects of ours carry no tags.
        let has_tags =
            filter.is_some_and(|filter| filter.tag().is_some()) || and.is_some_and(|and| !and.tags().is_empty());
        if has_tags || !(prefix.starts_with(of_rule) || of_rule.starts_with(prefix)) {
            continue;
        }
        found.clears_unfinished |= rule.abort_incomplete_multipart_upload().is_some();
        let expires = rule.expiration().and_then(|expiration| {
            let after = expiration.days().filter(|days| *days > 0).map(|days| format!("after {days} days"));
            after.or_else(|| expiration.date().map(|date| format!("on {date}")))
        });
        found.expires = found.expires.or(expires);
    }
    found
}

/// Keeps what every answer says about the store.
#[derive(Debug, Clone, Default)]
struct Watch(Arc<Mutex<Marks>>);

impl Watch {
    fn marks(&self) -> Marks {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Intercept for Watch {
    fn name(&self) -> &'static str {
        "Watch"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _runtime_components: &RuntimeComponents,
        _bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let headers = context.response().headers();
        let date = headers.get("date").and_then(http_date);
        let server = headers.get("server").map(str::to_owned);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Marks { date, server };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::types::{AbortIncompleteMultipartUpload, LifecycleExpiration, LifecycleRuleFilter, Tag};

    use super::*;

    fn rule(prefix: &str, days: i32) -> aws_sdk_s3::types::builders::LifecycleRuleBuilder {
        let expiration = LifecycleExpiration::builder().days(days).build();
        let filter = LifecycleRuleFilter::builder().prefix(prefix).build();
        LifecycleRule::builder().status(ExpirationStatus::Enabled).filter(filter).expiration(expiration)
    }

    fn expires(rule: aws_sdk_s3::types::builders::LifecycleRuleBuilder) -> Option<String> {
        lifecycle_of(&[rule.build().unwrap()], "pipeline-logs").expires
    }

    #[test]
    fn rules_that_may_concern_us_are_found_and_others_are_not() {
        for prefix in ["", "pipe", "pipeline-logs", "pipeline-logs/etl/"] {
            assert_eq!(expires(rule(prefix, 90)).as_deref(), Some("after 90 days"), "{prefix}");
        }
        assert_eq!(expires(rule("other", 90)), None);
        assert_eq!(expires(rule("", 90).status(ExpirationStatus::Disabled)), None);
        let tag = Tag::builder().key("k").value("v").build().unwrap();
        assert_eq!(expires(rule("", 90).filter(LifecycleRuleFilter::builder().tag(tag).build())), None);
        let abort = AbortIncompleteMultipartUpload::builder().days_after_initiation(3).build();
        let clears = rule("", 90).set_expiration(None).abort_incomplete_multipart_upload(abort).build().unwrap();
        assert_eq!(lifecycle_of(&[clears], "x"), Lifecycle { clears_unfinished: true, expires: None });
    }
}
