//! Messages on the socket: a length (four bytes, little endian), then JSON.

use std::io::{self, Read, Write};

use tokio::io::{AsyncRead, AsyncReadExt};

/// Longer than any message that makes sense: the other side is not ours.
const LONGEST: u32 = 1 << 30;

/// A message with its length in front.
pub fn encode(json: &[u8]) -> io::Result<Vec<u8>> {
    let length = u32::try_from(json.len()).ok().filter(|&length| length <= LONGEST);
    let length = length.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "a message of over 1 GiB"))?;
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
    let mut length = [0; 4];
    match from.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let mut json = vec![0; checked(length)?];
    from.read_exact(&mut json)?;
    Ok(Some(json))
}

pub async fn read_async(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    match from.read_exact(&mut length).await {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    };
    let mut json = vec![0; checked(length)?];
    from.read_exact(&mut json).await?;
    Ok(Some(json))
}

fn checked(length: [u8; 4]) -> io::Result<usize> {
    let length = u32::from_le_bytes(length);
    if length > LONGEST {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a damaged message"));
    }
    Ok(length as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_follow_each_other() {
        let mut stream = Vec::new();
        write(&mut stream, b"{}").expect("memory");
        write(&mut stream, b"[1]").expect("memory");
        let mut from = stream.as_slice();
        assert_eq!(read(&mut from).ok().flatten().as_deref(), Some(&b"{}"[..]));
        assert_eq!(read(&mut from).ok().flatten().as_deref(), Some(&b"[1]"[..]));
        assert!(matches!(read(&mut from), Ok(None)));
        assert!(read(&mut &[255u8, 255, 255, 255, 0][..]).is_err());
    }
}
