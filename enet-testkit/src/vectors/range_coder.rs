//! `range_coder.json`: blocks in both directions, with and without an output limit.

use std::borrow::Cow;

use enet_compress::{Compressor, RangeCoder};
use serde::Deserialize;

use super::{Form, Mismatch, Report, Verdict, bytes_of, parse, same, same_bytes};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    input_len: usize,
    input_hex: &'a str,
    /// `None`: does not fit into the length of the input.
    output_hex: Option<&'a str>,
    output_len: usize,
    enet_would_send_compressed: bool,
    /// With a limit of twice the input and 64 bytes.
    unbounded_output_hex: Option<&'a str>,
    chunk_lengths: Vec<usize>,
}

pub(super) fn check(text: &str) -> Verdict {
    let mut report = Report::new(Form::RangeCoder);
    let mut coder = RangeCoder::boxed();
    for case in parse::<Case<'_>>(text)? {
        report.values += check_one(&case, &mut coder).map_err(|what| Mismatch::new(&*case.name, what))?;
        report.cases += 1;
    }
    Ok(report)
}

fn check_one(case: &Case<'_>, coder: &mut RangeCoder) -> Result<usize, String> {
    let input = bytes_of(case.input_hex)?;
    same("the length of the input", &case.input_len, &input.len())?;
    let bounded = case.output_hex.map(bytes_of).transpose()?;
    let unbounded = case.unbounded_output_hex.map(bytes_of).transpose()?;
    same("the length of the output", &case.output_len, &bounded.as_ref().map_or(0, Vec::len))?;

    let roomy = 2 * input.len() + 64;
    let compressed = compress(coder, &input, input.len());
    same_block("compressed with the input's length as the limit", bounded.as_deref(), compressed.as_deref())?;
    same(
        "whether it would be sent compressed",
        &case.enet_would_send_compressed,
        &compressed.is_some_and(|block| block.len() < input.len()),
    )?;
    same_block(
        "compressed without a limit",
        unbounded.as_deref(),
        compress(coder, &input, roomy).as_deref(),
    )?;
    same_block(
        "compressed in parts",
        unbounded.as_deref(),
        compress_parts(coder, case, &input, roomy)?.as_deref(),
    )?;

    let Some(block) = unbounded else { return Ok(4) };
    let short = compress(coder, &input, block.len() - 1);
    same_block("compressed with one byte too few", None, short.as_deref())?;
    let exact = compress(coder, &input, block.len());
    same_block("compressed with a limit that just fits", Some(&block), exact.as_deref())?;
    let restored = decompress(coder, &block, input.len());
    same_block("decompressed with a limit that just fits", Some(&input), restored.as_deref())?;
    let short = decompress(coder, &block, input.len() - 1);
    same_block("decompressed with one byte too few", None, short.as_deref())?;
    Ok(8)
}

fn compress(coder: &mut RangeCoder, input: &[u8], limit: usize) -> Option<Vec<u8>> {
    let mut block = vec![0; limit];
    let len = coder.compress(input, &mut block)?;
    block.truncate(len);
    Some(block)
}

fn compress_parts(
    coder: &mut RangeCoder,
    case: &Case<'_>,
    input: &[u8],
    limit: usize,
) -> Result<Option<Vec<u8>>, String> {
    let mut rest = input;
    let mut parts = Vec::new();
    for &len in &case.chunk_lengths {
        let (part, after) = rest.split_at_checked(len).ok_or("the chunks are longer than the input")?;
        parts.push(part);
        rest = after;
    }
    same("what the chunks leave of the input", &0, &rest.len())?;
    let mut block = vec![0; limit];
    Ok(coder.compress_parts(&parts, &mut block).map(|len| {
        block.truncate(len);
        block
    }))
}

fn decompress(coder: &mut RangeCoder, block: &[u8], limit: usize) -> Option<Vec<u8>> {
    let mut output = vec![0; limit];
    let len = coder.decompress(block, &mut output)?;
    output.truncate(len);
    Some(output)
}

fn same_block(what: &str, expected: Option<&[u8]>, actual: Option<&[u8]>) -> Result<(), String> {
    match (expected, actual) {
        (Some(expected), Some(actual)) => same_bytes(what, expected, actual),
        _ => same(what, &expected, &actual),
    }
}
