#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace crossover {

/// What was measured of one configuration: mean times of an operation in ns, by round, ascending.
struct Timed {
  int round = 0;
  double ns = 0;
};
using Series = std::vector<Timed>;
/// Some of them in a row, which lie in somebody else's Series.
using Rounds = std::span<const Timed>;

/// Calls `pair(timed in a, timed in b)` for each round that both have.
template <class Pair>
void for_common_rounds(Rounds a, Rounds b, Pair&& pair) {
  for (auto i = a.begin(), j = b.begin(); i != a.end() && j != b.end();) {
    if (i->round == j->round) {
      pair(*i++, *j++);
    } else {
      i->round < j->round ? ++i : ++j;
    }
  }
}

/// The fewest rounds for which a median has a 95 % interval.
inline constexpr int kFewestRounds = 6;

/// A value with the interval that holds the true one with at least 95 %; `lower` and `upper` are
/// infinite where fewer than kFewestRounds stand behind it.
struct Estimate {
  double value = 0;
  double lower = 0;
  double upper = 0;
  int rounds = 0;

  bool has_interval() const;
  /// Half the interval's width as a share of the value; infinite without an interval.
  double precision() const;
  Estimate scaled(double factor) const;
  /// Of 1 / x: a rate from a time. The bounds change places.
  Estimate inverse(double numerator) const;
};

/// The median alone. `values` must not be empty.
double middle_of(std::vector<double> values);

/// The median with its distribution-free interval: two order statistics, chosen by the binomial
/// distribution (Conover, Practical Nonparametric Statistics, 3.2), drawn apart where neighbouring
/// values correlate (widening_for()). `values` must not be empty.
Estimate median_of(std::vector<double> values, double correlation = 0);

/// The rounds that count: all but round 0, which chose what is measured further, as soon as
/// kFewestRounds others are there.
Rounds without_pilot(Rounds series);

/// The times alone.
std::vector<double> times(Rounds series);

/// How alike neighbouring rounds are: the correlation of the logarithms of times one round apart,
/// corrected for the bias of short series (of n rounds (1 + 3 r) / n is missing: Kendall,
/// Biometrika 41, 1954). 0 for fewer than kFewestRounds.
double neighbour_correlation(Rounds series);

/// By how much an interval grows where neighbours among its `rounds` correlate. Such rounds tell as
/// much as m = n (1 - r) / (1 + r) independent ones (Priestley, Spectral Analysis, 5.3), and
/// scatter less than they should by 1 - 1 / m: the factor is sqrt((n - 1) / (m - 1)). 1 up to a
/// correlation of 0.3, which a few independent rounds show as well.
double widening_for(double correlation, int rounds);

/// The chance that a t-distributed value with `freedom` degrees lies above `t` >= 0 (Abramowitz and
/// Stegun, 26.7.3 and 26.7.4).
double t_tail(double t, int freedom);

/// Is `slow` slower than `fast`, whatever noise there is? Pairs the rounds that both have and
/// compares the mean logarithm of their ratio with its standard error; false at the error rate
/// `alpha`, and always below three common rounds.
bool surely_slower(Rounds slow, Rounds fast, double alpha);

/// At most three significant digits, without an exponent: 0.800, 5.00, 31.2, 197.
std::string three_digits(double number);

/// Three significant digits with a binary unit: 512, 23.4 Ki, 1.20 Mi.
std::string format_elements(double elements);

/// The same of bytes: "512 B", "1.20 MiB".
std::string format_bytes(double bytes);

/// Three significant digits: "5.00 ns", "31.2 us", "999 us", "1.00 ms".
std::string format_time(double ns);

}  // namespace crossover
