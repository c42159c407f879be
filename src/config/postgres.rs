//! A PostgreSQL URL as libpq and SQLAlchemy read it, with the `PG*` variables behind it.
//!
//! In: the text after the scheme, the variables. Out: a [`PostgresAddress`]. Opens nothing, and never repeats the text: it
//! may hold a password.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::percent_decode_str;

use super::secret::Secret;

/// How long a server may take to answer at all.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Parameters of libpq that change nothing here.
const WITHOUT_EFFECT: [&str; 9] = [
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_count",
    "tcp_user_timeout",
    "gssencmode",
    "sslcompression",
    "client_encoding",
    "fallback_application_name",
];

/// Whether the connection is encrypted, and what of the server is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsMode {
    /// In the clear.
    Disable,
    /// Encrypted where the server can; it is not checked who it is.
    Prefer,
    /// Encrypted; it is not checked who the server is, unless there is a root certificate.
    Require,
    /// Encrypted, and the server's certificate is of an authority that is trusted.
    VerifyCa,
    /// As before, and it is for the host that was asked for.
    VerifyFull,
}

/// Where a PostgreSQL database is, and how to get in.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresAddress {
    /// Names, addresses, or folders of Unix sockets, with ports; tried in this order.
    pub hosts: Vec<(String, u16)>,
    /// Role; `None`: that of the user of this process.
    pub user: Option<String>,
    /// Password; `None`: the one of the password file, where there is one.
    pub password: Option<Secret>,
    /// Database; `None`: that of the role's name.
    pub database: Option<String>,
    /// Encryption.
    pub tls: TlsMode,
    /// Authorities that are trusted (PEM); `None`: `~/.postgresql/root.crt`, else those of this machine.
    pub root_cert: Option<PathBuf>,
    /// Where passwords are looked up.
    pub pass_file: Option<PathBuf>,
    /// Options for the session, such as `-c search_path=fastflow`.
    pub options: Option<String>,
    /// Whether only a server that takes writes will do, where there are several.
    pub writable: bool,
    /// How long each server may take.
    pub connect_timeout: Duration,
    /// The zone of naive time columns; `None`: that of the session, as for Fast-Flow itself.
    pub time_zone: Option<String>,
    /// The folder of `.postgresql` and `.pgpass`.
    pub home: Option<PathBuf>,
}

impl PostgresAddress {
    /// Reads what follows the scheme: `[user[:password]@][host[:port],...][/database][?parameter=value&...]`. `variable` gives
    /// the value of a `PG*` variable. The error says what is wrong with it, without its text.
    pub(super) fn parse(rest: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<PostgresAddress, String> {
        let (before, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = before.split_once('/').unwrap_or((before, ""));
        let (login, servers) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (user, password) = login.split_once(':').map_or((login, None), |(user, text)| (user, Some(text)));
        let mut given = Given {
            user: filled(decoded(user)?),
            password: password.map(decoded).transpose()?,
            database: filled(decoded(path)?),
            ..Given::default()
        };
        for server in servers.split(',').filter(|server| !server.is_empty()) {
            let (host, port) = split_port(server)?;
            given.hosts.push(decoded(host)?);
            given.ports.push(port.to_owned());
        }
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            given.take(name, decoded(&value.replace('+', "%20"))?)?;
        }
        given.finish(variable)
    }

    /// The first server, for messages.
    pub fn server(&self) -> String {
        let one = |(host, port): &(String, u16)| match host.as_str() {
            socket if socket.starts_with('/') => format!("{socket} (port {port})"),
            address if address.contains(':') => format!("[{address}]:{port}"),
            name => format!("{name}:{port}"),
        };
        self.hosts.iter().map(one).collect::<Vec<_>>().join(", ")
    }
}

/// What the URL says, before defaults.
#[derive(Default)]
struct Given {
    hosts: Vec<String>,
    ports: Vec<String>,
    user: Option<String>,
    password: Option<String>,
    database: Option<String>,
    tls: Option<String>,
    root_cert: Option<String>,
    pass_file: Option<String>,
    options: Option<String>,
    connect_timeout: Option<String>,
    session: Option<String>,
}

impl Given {
    fn take(&mut self, name: &str, value: String) -> Result<(), String> {
        let list = |value: &str| value.split(',').map(str::to_owned).collect::<Vec<_>>();
        match name {
            // SQLAlchemy writes several as host=a:1&host=b:2, libpq as host=a,b&port=1,2.
            "host" | "hostaddr" => {
                for host in list(&value) {
                    let is_path = host.starts_with('/');
                    let (host, port) = if is_path { (host.as_str(), "") } else { split_port(&host)? };
                    self.hosts.push(host.to_owned());
                    self.ports.push(port.to_owned());
                }
            }
            "port" => self.ports = list(&value),
            "user" => self.user = filled(value),
            "password" => self.password = Some(value),
            "dbname" => self.database = filled(value),
            "sslmode" => self.tls = filled(value),
            "sslrootcert" => self.root_cert = filled(value),
            "passfile" => self.pass_file = filled(value),
            "options" => self.options = filled(value),
            "connect_timeout" => self.connect_timeout = filled(value),
            "target_session_attrs" => self.session = filled(value),
            "application_name" => {}
            name if WITHOUT_EFFECT.contains(&name) => {}
            name => return Err(format!("the parameter `{}` is not known", name.escape_debug())),
        }
        Ok(())
    }

    fn finish(self, variable: &dyn Fn(&str) -> Option<String>) -> Result<PostgresAddress, String> {
        let or = |given: Option<String>, name| given.or_else(|| variable(name).and_then(filled));
        let mut hosts = self.hosts;
        if hosts.is_empty() {
            hosts.extend(or(None, "PGHOST").iter().flat_map(|hosts| hosts.split(',')).map(str::to_owned));
        }
        if hosts.is_empty() {
            hosts.push("localhost".to_owned());
        }
        let usual = or(None, "PGPORT").unwrap_or_else(|| "5432".to_owned());
        let port = |index: usize| {
            let alone = self.ports.first().filter(|_| self.ports.len() == 1);
            let text = self.ports.get(index).or(alone).filter(|text| !text.is_empty()).unwrap_or(&usual);
            text.parse::<u16>().ok().filter(|port| *port > 0).ok_or("its port is not one".to_owned())
        };
        let hosts = hosts.into_iter().enumerate().map(|(index, host)| Ok((host, port(index)?)));
        let hosts = hosts.collect::<Result<Vec<_>, String>>()?;
        let tls = match or(self.tls, "PGSSLMODE").as_deref() {
            None | Some("prefer" | "allow") => TlsMode::Prefer,
            Some("disable") => TlsMode::Disable,
            Some("require") => TlsMode::Require,
            Some("verify-ca") => TlsMode::VerifyCa,
            Some("verify-full") => TlsMode::VerifyFull,
            Some(_) => return Err("`sslmode` is none of disable, prefer, require, verify-ca, verify-full".to_owned()),
        };
        let writable = match self.session.as_deref() {
            None | Some("any") => false,
            Some("read-write" | "primary") => true,
            Some(_) => return Err("`target_session_attrs` is neither any nor read-write".to_owned()),
        };
        let connect_timeout = match or(self.connect_timeout, "PGCONNECT_TIMEOUT") {
            None => CONNECT_TIMEOUT,
            Some(text) => match text.parse() {
                // For libpq that is: without an end.
                Ok(0) => CONNECT_TIMEOUT,
                Ok(seconds) => Duration::from_secs(seconds),
                Err(_) => return Err("`connect_timeout` is not a number of seconds".to_owned()),
            },
        };
        Ok(PostgresAddress {
            hosts,
            user: or(self.user, "PGUSER"),
            password: or(self.password, "PGPASSWORD").filter(|text| !text.is_empty()).map(Secret::verbatim),
            database: or(self.database, "PGDATABASE"),
            tls,
            root_cert: or(self.root_cert, "PGSSLROOTCERT").map(PathBuf::from),
            pass_file: or(self.pass_file, "PGPASSFILE").map(PathBuf::from),
            options: or(self.options, "PGOPTIONS"),
            writable,
            connect_timeout,
            time_zone: None,
            home: variable("HOME").and_then(filled).map(PathBuf::from),
        })
    }
}

fn filled(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

fn decoded(text: &str) -> Result<String, String> {
    let decoded = percent_decode_str(text).decode_utf8().map(|text| text.into_owned());
    decoded.map_err(|_| "one of its percent escapes is not UTF-8".to_owned())
}

/// `host`, `host:port`, `[v6]`, `[v6]:port`.
fn split_port(server: &str) -> Result<(&str, &str), String> {
    if let Some(rest) = server.strip_prefix('[') {
        let (address, port) = rest.split_once(']').ok_or("a bracket of its host is not closed")?;
        return Ok((address, port.trim_start_matches(':')));
    }
    Ok(server.split_once(':').unwrap_or((server, "")))
}

/// Server and database, never who gets in and how.
impl fmt::Display for PostgresAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.server())?;
        self.database.as_ref().map_or(Ok(()), |database| write!(f, "/{database}"))
    }
}

impl fmt::Debug for PostgresAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(rest: &str) -> PostgresAddress {
        PostgresAddress::parse(rest, &|_| None).unwrap()
    }

    fn password(address: &PostgresAddress) -> Option<&str> {
        address.password.as_ref().map(Secret::expose)
    }

    #[test]
    fn each_part_may_be_there_or_not() {
        let whole = parse("ff:p%40ss%2Fw%3Ard%20@db.example.org:5433/fastflow?sslmode=require&connect_timeout=3");
        assert_eq!(whole.hosts, [("db.example.org".to_owned(), 5433)]);
        assert_eq!((whole.user.as_deref(), password(&whole)), (Some("ff"), Some("p@ss/w:rd ")));
        assert_eq!((whole.database.as_deref(), whole.tls), (Some("fastflow"), TlsMode::Require));
        assert_eq!(whole.connect_timeout, Duration::from_secs(3));
        let bare = parse("");
        assert_eq!((bare.hosts, bare.user, bare.tls), (vec![("localhost".to_owned(), 5432)], None, TlsMode::Prefer));
        assert_eq!(parse("[::1]:6543/x").hosts, [("::1".to_owned(), 6543)]);
        assert_eq!(parse("[::1]:6543/x").to_string(), "[::1]:6543/x");
    }

    #[test]
    fn sockets_and_several_hosts_are_read_as_libpq_and_sqlalchemy_write_them() {
        let socket = parse("ff:secret@/fastflow?host=/var/run/postgresql&port=5499");
        assert_eq!(socket.hosts, [("/var/run/postgresql".to_owned(), 5499)]);
        assert_eq!(parse("ff@%2Ftmp/x").hosts, [("/tmp".to_owned(), 5432)]);
        let two = vec![("a".to_owned(), 1), ("b".to_owned(), 2)];
        for text in ["a:1,b:2/x", "/x?host=a,b&port=1,2", "/x?host=a:1&host=b:2"] {
            assert_eq!(parse(text).hosts, two, "{text}");
        }
    }

    #[test]
    fn variables_stand_behind_the_url() {
        let variable = |name: &str| match name {
            "PGHOST" => Some("elsewhere".to_owned()),
            "PGPASSWORD" => Some("from-variable".to_owned()),
            "PGSSLMODE" => Some("verify-full".to_owned()),
            _ => None,
        };
        let address = PostgresAddress::parse("ff@db/x", &variable).unwrap();
        assert_eq!(address.hosts[0].0, "db");
        assert_eq!((password(&address), address.tls), (Some("from-variable"), TlsMode::VerifyFull));
        assert_eq!(PostgresAddress::parse("", &variable).unwrap().hosts[0].0, "elsewhere");
    }

    #[test]
    fn what_cannot_be_meant_is_refused_without_the_text() {
        for text in ["u:hunter2@h:port/x", "u:hunter2@h/x?sslmode=maybe", "u:hunter2@h/x?hunter=1", "u:hunter2@[::1/x"]
        {
            let why = PostgresAddress::parse(text, &|_| None).err().unwrap();
            assert!(!why.contains("hunter2"), "{why}");
        }
        assert_eq!(format!("{:?}", parse("u:hunter2@h/x")), "h:5432/x");
    }
}
