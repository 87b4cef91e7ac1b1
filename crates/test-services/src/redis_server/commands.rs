use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(10);

/// Gives one command to the server at `addr` and answers its reply as text; an error that the server replies is one.
pub(super) fn ask(addr: SocketAddr, words: &[&str]) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&addr, LIMIT)?;
    stream.set_read_timeout(Some(LIMIT))?;
    write!(stream, "*{}\r\n", words.len())?;
    for word in words {
        write!(stream, "${}\r\n{word}\r\n", word.len())?;
    }
    read_reply(&mut BufReader::new(stream))
}

/// One field of a section of `INFO`.
pub(super) fn info(addr: SocketAddr, section: &str, field: &str) -> io::Result<String> {
    let text = ask(addr, &["INFO", section])?;
    let mut lines = text.lines();
    lines
        .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))
        .map(str::to_owned)
        .ok_or_else(|| io::Error::other(format!("INFO {section} has no field {field}")))
}

fn read_reply(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let line = line.trim_end();
    match line.split_at_checked(1) {
        Some(("+" | ":", told)) => Ok(told.to_owned()),
        Some(("$", length)) => {
            let length: usize = length.parse().map_err(io::Error::other)?;
            let mut bytes = vec![0; length];
            reader.read_exact(&mut bytes)?;
            String::from_utf8(bytes).map_err(io::Error::other)
        }
        _ => Err(io::Error::other(line.to_owned())),
    }
}
