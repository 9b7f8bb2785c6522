"""From probabilities to answers: language models of n-grams, which know no network and serve as baseline, in beam search and beside CTC."""
