use rand::{Rng, RngExt as _};

use crate::corpus::Corpus;

/// No input grows beyond this.
const LONGEST: usize = 1 << 16;
/// Octets that are edges of something.
const EDGES: &[u8] = &[
    0, 1, 0x1f, b' ', b'"', b'0', b'9', b'\\', b'{', b'}', 0x7f, 0x80, 0xff,
];

/// An input of the corpus with a few changes.
pub(crate) fn mutated(corpus: &Corpus, dictionary: &[&[u8]], dice: &mut impl Rng) -> Vec<u8> {
    // The latest find is where a run is deepest.
    let number = match dice.random_range(0..4) {
        0 => corpus.len() - 1,
        _ => dice.random_range(0..corpus.len()),
    };
    let mut input = corpus.get(number).to_vec();
    for _ in 0..1 << dice.random_range(0..4) {
        change(&mut input, corpus, dictionary, dice);
    }
    input.truncate(LONGEST);
    input
}

fn change(input: &mut Vec<u8>, corpus: &Corpus, dictionary: &[&[u8]], dice: &mut impl Rng) {
    let place = dice.random_range(0..=input.len());
    let rest = input.len() - place;
    match dice.random_range(0..8) {
        0 if rest > 0 => input[place] ^= 1 << dice.random_range(0..8),
        1 if rest > 0 => input[place] = EDGES[dice.random_range(0..EDGES.len())],
        2 if rest > 0 => input[place] = dice.random(),
        3 => input.insert(place, dice.random()),
        4 if rest > 0 => {
            let length = dice.random_range(1..=rest.min(64));
            input.drain(place..place + length);
        }
        5 if rest > 0 => {
            let length = dice.random_range(1..=rest.min(256));
            let piece = input[place..place + length].to_vec();
            let target = dice.random_range(0..=input.len());
            input.splice(target..target, piece);
        }
        6 if !dictionary.is_empty() => {
            let word = dictionary[dice.random_range(0..dictionary.len())];
            input.splice(place..place, word.iter().copied());
        }
        7 => {
            let other = corpus.get(dice.random_range(0..corpus.len()));
            let from = dice.random_range(0..=other.len());
            input.truncate(place);
            input.extend_from_slice(&other[from..]);
        }
        _ => input.truncate(place),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use rand::SeedableRng as _;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn changes_reach_every_length_and_octet_and_stay_bounded() {
        let corpus = Corpus::read(Path::new("/there is no such folder"));
        let mut dice = ChaCha8Rng::seed_from_u64(1);
        let inputs: Vec<_> = (0..20_000)
            .map(|_| mutated(&corpus, &[b"word"], &mut dice))
            .collect();
        assert!(inputs.iter().any(|input| input == b"word"));
        assert!(inputs.iter().all(|input| input.len() <= LONGEST));
        for octet in 0..=u8::MAX {
            assert!(inputs.iter().any(|input| input.contains(&octet)), "{octet}");
        }
    }
}
