//! Messages on the socket: a length (four bytes, little endian), then JSON.
//!
//! A message that is longer than any that the other side may send is passed over
//! without being kept; the next one is read as if it had not been there.

use std::io::{self, Read, Write};
use std::sync::Arc;

use threadbook::limits::BESIDE;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::limits;

/// The longest message: one display and what goes with it.
fn longest() -> usize {
    limits::display() + BESIDE
}

/// A message with its length in front.
///
/// # Errors
/// When it is longer than any may be.
pub fn encode(json: &[u8]) -> io::Result<Vec<u8>> {
    let length = u32::try_from(json.len()).ok().filter(|_| json.len() <= longest());
    let length = length.ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidData, format!("a message of {} bytes is too long", json.len()))
    })?;
    let mut frame = Vec::with_capacity(json.len() + 4);
    frame.extend(length.to_le_bytes());
    frame.extend(json);
    Ok(frame)
}

pub fn write(to: &mut impl Write, json: &[u8]) -> io::Result<()> {
    to.write_all(&encode(json)?)
}

/// The next message; `None` at the end of the stream.
pub fn read(from: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    loop {
        let mut length = [0; 4];
        match from.read_exact(&mut length) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            other => other?,
        }
        let length = u32::from_le_bytes(length);
        if length as usize <= longest() {
            let mut json = vec![0; length as usize];
            from.read_exact(&mut json)?;
            return Ok(Some(json));
        }
        passed_over(length);
        io::copy(&mut from.take(length.into()), &mut io::sink())?;
    }
}

/// A message, and the room that it takes until it is dropped.
pub struct Message {
    pub json: Vec<u8>,
    pub room: OwnedSemaphorePermit,
}

/// Reads messages one after the other, and the next one only when there is room for it
/// beside those that are still being handled: together they are not longer than the
/// longest one.
pub struct Messages<R> {
    from: R,
    room: Arc<Semaphore>,
}

impl<R: AsyncRead + Unpin> Messages<R> {
    pub fn new(from: R) -> Messages<R> {
        Messages { from, room: Arc::new(Semaphore::new(longest())) }
    }

    /// The next message; `None` at the end of the stream. Bytes are lost when this is
    /// given up before it is ready.
    pub async fn next(&mut self) -> io::Result<Option<Message>> {
        loop {
            let mut length = [0; 4];
            match self.from.read_exact(&mut length).await {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
                other => other?,
            };
            let length = u32::from_le_bytes(length);
            if length as usize <= longest() {
                let room = self.room.clone().acquire_many_owned(length).await.map_err(io::Error::other)?;
                let mut json = vec![0; length as usize];
                self.from.read_exact(&mut json).await?;
                return Ok(Some(Message { json, room }));
            }
            passed_over(length);
            let mut rest = (&mut self.from).take(length.into());
            tokio::io::copy(&mut rest, &mut tokio::io::sink()).await?;
        }
    }
}

fn passed_over(length: u32) {
    tracing::warn!("a message of {length} bytes is passed over: {} bytes are the most", longest());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream_with_a_long_one() -> Vec<u8> {
        let mut stream = Vec::new();
        write(&mut stream, b"{}").expect("memory");
        let long = longest() + 1;
        stream.extend((long as u32).to_le_bytes());
        stream.extend(vec![b'x'; long]);
        write(&mut stream, b"[1]").expect("memory");
        stream
    }

    #[test]
    fn messages_follow_each_other_and_a_long_one_is_passed_over() {
        let stream = stream_with_a_long_one();
        let mut from = stream.as_slice();
        assert_eq!(read(&mut from).ok().flatten().as_deref(), Some(&b"{}"[..]));
        assert_eq!(read(&mut from).ok().flatten().as_deref(), Some(&b"[1]"[..]));
        assert!(matches!(read(&mut from), Ok(None)));
        assert!(encode(&vec![b'x'; longest() + 1]).is_err());
    }

    #[test]
    fn a_stream_that_ends_within_a_message_is_an_error() {
        assert!(read(&mut &[255u8, 0, 0, 0, 0][..]).is_err());
    }

    #[tokio::test]
    async fn the_next_long_message_waits_for_room() {
        let long = vec![b'x'; longest()];
        let mut stream = stream_with_a_long_one();
        write(&mut stream, &long).expect("memory");
        write(&mut stream, b"{}").expect("memory");
        let mut messages = Messages::new(stream.as_slice());
        for expected in [&b"{}"[..], b"[1]", &long] {
            let message = messages.next().await.expect("whole").expect("not the end");
            assert_eq!(message.json, expected);
        }
        let mut messages = Messages { from: &b"\x02\0\0\0{}"[..], room: messages.room };
        let taken = messages.room.clone().acquire_many_owned(longest() as u32).await.expect("open");
        let waiting = messages.next();
        tokio::pin!(waiting);
        tokio::select! {
            biased;
            _ = &mut waiting => panic!("there is no room"),
            () = std::future::ready(()) => {}
        }
        drop(taken);
        let message = waiting.await.expect("whole").expect("not the end");
        assert_eq!(message.json, b"{}");
    }
}
