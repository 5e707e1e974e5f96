//! A byte coded in one context that knows something, be it few bytes or many.

use core::slice;

use super::coder::{Damage, Decoder, Encoder, Full, Interval};
use super::context::{Context, FIRST, Knowledge};
use super::cumulative::Place;
use super::wide::Wides;

/// Adds a byte that the context does not know, after its escape.
#[inline(always)]
fn insert(context: &mut Context, wides: &mut Wides, value: u8) {
    match context.knowledge() {
        Knowledge::FEW if context.is_full() => wides.take_over(context, value),
        Knowledge::FEW => context.insert(value),
        wide => wides.insert(wide.wide(), value),
    }
}

/// Learns a byte that was decoded from a shorter context. Returns whether it was not known; it may be, if the block is
/// damaged.
#[inline(always)]
pub(super) fn learn(context: &mut Context, wides: &mut Wides, value: u8) -> bool {
    match context.knowledge() {
        Knowledge::FEW => {
            if let Some(lane) = context.find(value) {
                context.count(lane);
                return false;
            }
        }
        wide => {
            let place = Place::of(value);
            let weight = wides.wide(wide.wide()).interval(place).count;
            if weight > 0 {
                wides.count(wide.wide(), place, weight);
                return false;
            }
        }
    }
    insert(context, wides, value);
    true
}

/// Encodes the byte if the context knows it, otherwise the escape; and learns it. Returns whether the context knew it.
#[inline(always)]
pub(super) fn encode_from(
    context: &mut Context,
    wides: &mut Wides,
    value: u8,
    encoder: &mut Encoder<'_>,
) -> Result<bool, Full> {
    if context.knowledge() == Knowledge::FEW {
        let total = context.total();
        let Some(lane) = context.find(value) else {
            encoder.encode_escape(context.escapes(), total)?;
            insert(context, wides, value);
            return Ok(false);
        };
        let interval = context.interval(lane);
        context.count(lane);
        encoder.encode(interval, total)?;
        return Ok(true);
    }
    let wide = context.knowledge().wide();
    let place = Place::of(value);
    let weights = wides.wide(wide);
    let interval = weights.interval(place);
    if interval.count == 0 {
        encoder.encode_escape(weights.escapes(), weights.total())?;
        wides.insert(wide, value);
        return Ok(false);
    }
    encoder.encode(interval, weights.total())?;
    wides.count(wide, place, interval.count);
    Ok(true)
}

/// Encodes repetitions of a context's first byte, at the front of `input`, if the context is also that of the next byte.
/// Returns how many.
#[inline(always)]
pub(super) fn encode_run(
    context: &mut Context,
    input: &[u8],
    encoder: &mut Encoder<'_>,
) -> Result<usize, Full> {
    let value = context.value(FIRST);
    let mut run = context.run();
    let mut len = 0;
    for _ in input.iter().take_while(|&&byte| byte == value) {
        if run.is_at_limit() {
            break;
        }
        encoder.encode_large(run.interval(), run.total())?;
        run.count();
        len += 1;
    }
    context.end_run(run);
    Ok(len)
}

/// Decodes repetitions of a context's first byte, if the context is also that of the next byte.
#[inline(always)]
pub(super) fn decode_run(
    context: &mut Context,
    value: u8,
    decoder: &mut Decoder<'_>,
    places: &mut slice::IterMut<'_, u8>,
) {
    let mut run = context.run();
    while !run.is_at_limit() {
        let unit = decoder.unit(run.total());
        let Interval { under, count } = run.interval();
        let (escape, first) = (under.wrapping_mul(unit), count.wrapping_mul(unit));
        if decoder.is_below(escape) || !decoder.is_below(escape.wrapping_add(first)) {
            break;
        }
        let Some(place) = places.next() else { break };
        *place = value;
        decoder.narrow_large(escape, first);
        run.count();
    }
    context.end_run(run);
}

/// Decodes a byte, or an escape, from one context.
#[inline(always)]
pub(super) fn decode_from(
    context: &mut Context,
    wides: &mut Wides,
    decoder: &mut Decoder<'_>,
) -> Result<Option<u8>, Damage> {
    match context.knowledge() {
        Knowledge::FEW => decode_from_few(context, decoder),
        wide => decode_from_wide(wides, wide.wide(), decoder),
    }
}

#[inline(always)]
fn decode_from_few(context: &mut Context, decoder: &mut Decoder<'_>) -> Result<Option<u8>, Damage> {
    let unit = decoder.unit(context.total());
    let escape = context.escapes().wrapping_mul(unit);
    if decoder.is_below(escape) {
        decoder.narrow(0, escape);
        return Ok(None);
    }
    // Trying the first ones is quicker than a division. None overflows: the sum of all weights times the unit is at most
    // the range.
    let mut under = escape;
    for lane in [FIRST, 16, 24] {
        let range = u32::from(context.weight(lane)).wrapping_mul(unit);
        if decoder.is_below(under.wrapping_add(range)) {
            decoder.narrow(under, range);
            context.count(lane);
            return Ok(Some(context.value(lane)));
        }
        under = under.wrapping_add(range);
    }
    let position = decoder.position_below(context.sum(), unit)?;
    let (lane, interval) = context.find_position(position);
    decoder.consume(interval, unit);
    if lane == 0 {
        return Ok(None);
    }
    context.count(lane);
    Ok(Some(context.value(lane)))
}

#[inline(always)]
fn decode_from_wide(wides: &mut Wides, wide: u32, decoder: &mut Decoder<'_>) -> Result<Option<u8>, Damage> {
    let weights = wides.wide(wide);
    let escapes = weights.escapes();
    let unit = decoder.unit(weights.total());
    let position = decoder.position_below(weights.sum(), unit)?;
    if position < escapes {
        decoder.narrow(0, escapes.wrapping_mul(unit));
        return Ok(None);
    }
    let (place, interval) = weights.find(position, |weight| decoder.is_at_or_behind(weight, unit));
    decoder.consume(interval, unit);
    wides.count(wide, place, interval.count);
    Ok(Some(place.value()))
}
