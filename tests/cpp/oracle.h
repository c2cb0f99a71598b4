// The objective once more, in double precision and naive loops, for any scalar type: the oracle of
// the gradients.
//
// Surrogate() is the loss in which every sg(.) and every code k_l is a constant, frozen at theta_0:
//   L(theta) = w ||dec(z + c) - x~||^2
//            + sum_l ( ||rho_l - C_l[k_l]||^2 + beta ||z - s_l - kappa_l||^2 )
// with c = sum q - z, rho_l = r_l, s_l = sum of q_m over m < l, kappa_l = q_l, all at theta_0. With
// CodebookGradient::kJoint the decoder's input is sum_l C_l[k_l] + z - z_0. Its value at theta_0 is
// the loss, and its ordinary derivative is the gradient that backward passes must give.
// Compat::kHopwise: commitment of level 1 only, sigmoid and normalised output, the reconstruction
// summed over the batch.
//
// Evaluated on Dual numbers it gives that derivative without a hand-written backward pass;
// gradient_test checks those against finite differences.
#ifndef RQVAE_TESTS_ORACLE_H_
#define RQVAE_TESTS_ORACLE_H_

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "config.h"
#include "parameter_store.h"

namespace rqvae::oracle {

// a + b eps with eps^2 = 0: b carries the derivative.
struct Dual {
  double value = 0;
  double derivative = 0;
  Dual() = default;
  Dual(double v) : value(v) {}  // NOLINT: a constant is a Dual
  Dual(double v, double d) : value(v), derivative(d) {}
};
inline Dual operator+(Dual a, Dual b) { return {a.value + b.value, a.derivative + b.derivative}; }
inline Dual operator-(Dual a, Dual b) { return {a.value - b.value, a.derivative - b.derivative}; }
inline Dual operator*(Dual a, Dual b) { return {a.value * b.value, a.derivative * b.value + a.value * b.derivative}; }
inline Dual operator/(Dual a, Dual b) {
  const double q = a.value / b.value;
  return {q, (a.derivative - q * b.derivative) / b.value};
}
inline Dual Exp(Dual a) { return {std::exp(a.value), a.derivative * std::exp(a.value)}; }
inline Dual Sqrt(Dual a) {
  const double root = std::sqrt(a.value);
  return {root, a.derivative / (2 * root)};
}
inline double Exp(double a) { return std::exp(a); }
inline double Sqrt(double a) { return std::sqrt(a); }
inline double Value(double a) { return a; }
inline double Value(Dual a) { return a.value; }

template <typename T>
struct Array {
  Index rows = 0, cols = 0;
  std::vector<T> data;

  Array() = default;
  Array(Index r, Index c) : rows(r), cols(c), data(static_cast<size_t>(r * c)) {}
  T& operator()(Index i, Index j) { return data[static_cast<size_t>(i * cols + j)]; }
  const T& operator()(Index i, Index j) const { return data[static_cast<size_t>(i * cols + j)]; }
};

template <typename T, typename M>
Array<T> FromMatrix(const M& m) {
  Array<T> out(m.rows(), m.cols());
  for (Index i = 0; i < m.rows(); ++i) {
    for (Index j = 0; j < m.cols(); ++j) out(i, j) = T(static_cast<double>(m(i, j)));
  }
  return out;
}

template <typename T>
Eigen::MatrixXd ToMatrix(const Array<T>& a) {
  Eigen::MatrixXd out(a.rows, a.cols);
  for (Index i = 0; i < a.rows; ++i) {
    for (Index j = 0; j < a.cols; ++j) out(i, j) = Value(a(i, j));
  }
  return out;
}

// By the names of the parameter store.
template <typename T>
using Parameters = std::map<std::string, Array<T>>;

template <typename T>
Parameters<T> FromStore(const ParameterStore& store) {
  Parameters<T> out;
  for (Index handle = 0; handle < store.count(); ++handle) {
    out.emplace(store.parameter(handle).name, FromMatrix<T>(store.value(handle)));
  }
  return out;
}

template <typename T>
T Activate(Activation activation, T x) {
  if (activation == Activation::kRelu) return Value(x) > 0 ? x : T(0.0);
  return x / (T(1.0) + Exp(T(0.0) - x));
}

// x w^T + b.  x: n x in, w: out x in, b: out x 1.
template <typename T>
Array<T> Linear(const Array<T>& x, const Array<T>& w, const Array<T>& b) {
  Array<T> out(x.rows, w.rows);
  for (Index i = 0; i < x.rows; ++i) {
    for (Index j = 0; j < w.rows; ++j) {
      T sum = b(j, 0);
      for (Index k = 0; k < x.cols; ++k) sum = sum + x(i, k) * w(j, k);
      out(i, j) = sum;
    }
  }
  return out;
}

// PREFIX.network.{0, 2, ...} with an activation between, and PREFIX.skip beside it where there is
// one.
template <typename T>
Array<T> Network(const Parameters<T>& p, const std::string& prefix, const Array<T>& x, size_t hidden,
                 Activation activation) {
  Array<T> h = x;
  for (size_t layer = 0; layer <= hidden; ++layer) {
    const std::string name = prefix + ".network." + std::to_string(2 * layer);
    h = Linear(h, p.at(name + ".weight"), p.at(name + ".bias"));
    if (layer == hidden) break;
    for (T& value : h.data) value = Activate(activation, value);
  }
  if (p.count(prefix + ".skip.weight") > 0) {
    const Array<T> skip = Linear(x, p.at(prefix + ".skip.weight"), p.at(prefix + ".skip.bias"));
    for (size_t i = 0; i < h.data.size(); ++i) h.data[i] = h.data[i] + skip.data[i];
  }
  return h;
}

template <typename T>
Array<T> ScaledInput(const Parameters<T>& p, const Array<T>& x) {
  if (p.count("input.mean") == 0) return x;
  Array<T> out = x;
  for (Index i = 0; i < x.rows; ++i) {
    for (Index j = 0; j < x.cols; ++j) {
      out(i, j) = (x(i, j) - p.at("input.mean")(j, 0)) / p.at("input.scale")(0, 0);
    }
  }
  return out;
}

// The codebook of a level after out_proj, where there is one.
template <typename T>
Array<T> Codebook(const Parameters<T>& p, Index level) {
  const std::string layer = "quantization_layers." + std::to_string(level);
  const Array<T>& e = p.at(layer + ".embedding.weight");
  if (p.count(layer + ".out_proj.weight") == 0) return e;
  return Linear(e, p.at(layer + ".out_proj.weight"), Array<T>(e.cols, 1));
}

// What stands still in the surrogate.
struct Frozen {
  Array<double> z;                                          // n x d
  std::vector<std::vector<Index>> codes;                    // L of n
  std::vector<Array<double>> residuals, before, chosen;     // rho_l, s_l, kappa_l: L of n x d
  Array<double> sum;                                        // sum of q_l, n x d
  double margin = std::numeric_limits<double>::infinity();  // smallest gap to a runner-up
};

inline Frozen Freeze(const ModelConfig& config, const Parameters<double>& p, const Array<double>& x) {
  Frozen f;
  f.z = Network(p, "encoder", ScaledInput(p, x), config.hidden_dims.size(), config.activation);
  const Index n = f.z.rows, d = f.z.cols;
  f.sum = Array<double>(n, d);
  Array<double> r = f.z;
  for (Index level = 0; level < config.levels(); ++level) {
    const Array<double> codebook = Codebook(p, level);
    f.residuals.push_back(r);
    f.before.push_back(f.sum);
    f.chosen.emplace_back(n, d);
    f.codes.emplace_back();
    for (Index i = 0; i < n; ++i) {
      double best = std::numeric_limits<double>::infinity(), second = best;
      Index code = 0;
      for (Index k = 0; k < codebook.rows; ++k) {
        double distance = 0;
        for (Index j = 0; j < d; ++j) {
          distance += (r(i, j) - codebook(k, j)) * (r(i, j) - codebook(k, j));
        }
        if (distance < best) {
          second = best;
          best = distance;
          code = k;
        } else {
          second = std::min(second, distance);
        }
      }
      f.margin = std::min(f.margin, second - best);
      f.codes.back().push_back(code);
      for (Index j = 0; j < d; ++j) {
        f.chosen.back()(i, j) = codebook(code, j);
        r(i, j) -= codebook(code, j);
        f.sum(i, j) += codebook(code, j);
      }
    }
  }
  return f;
}

template <typename T>
T Surrogate(const ModelConfig& config, const Parameters<T>& p, const Array<T>& x, const Frozen& f) {
  const bool hopwise = config.compat == Compat::kHopwise;
  const Array<T> target = ScaledInput(p, x);
  const size_t hidden = config.hidden_dims.size();
  const Array<T> z = Network(p, "encoder", target, hidden, config.activation);
  const Index n = z.rows, d = z.cols;
  T quantize = T(0.0);
  Array<T> sum(n, d);
  for (Index level = 0; level < config.levels(); ++level) {
    const auto l = static_cast<size_t>(level);
    const Array<T> codebook = Codebook(p, level);
    for (Index i = 0; i < n; ++i) {
      for (Index j = 0; j < d; ++j) {
        const T code = codebook(f.codes[l][static_cast<size_t>(i)], j);
        const T to_codebook = T(f.residuals[l](i, j)) - code;
        const T moving = hopwise && level > 0 ? T(f.z(i, j)) : z(i, j);
        const T to_encoder = moving - T(f.before[l](i, j)) - T(f.chosen[l](i, j));
        quantize = quantize + to_codebook * to_codebook + T(config.commitment_weight) * to_encoder * to_encoder;
        sum(i, j) = sum(i, j) + code;
      }
    }
  }
  Array<T> input(n, d);
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j < d; ++j) {
      input(i, j) = config.codebook_gradient == CodebookGradient::kJoint ? sum(i, j) + z(i, j) - T(f.z(i, j))
                                                                         : z(i, j) + T(f.sum(i, j) - f.z(i, j));
    }
  }
  Array<T> y = Network(p, "decoder", input, hidden, config.activation);
  if (hopwise) {
    for (Index i = 0; i < n; ++i) {
      T square = T(0.0);
      for (Index j = 0; j < y.cols; ++j) {
        y(i, j) = T(1.0) / (T(1.0) + Exp(T(0.0) - y(i, j)));
        square = square + y(i, j) * y(i, j);
      }
      for (Index j = 0; j < y.cols; ++j) y(i, j) = y(i, j) / Sqrt(square);
    }
  }
  T reconstruction = T(0.0);
  for (size_t i = 0; i < y.data.size(); ++i) {
    const T difference = y.data[i] - target.data[i];
    reconstruction = reconstruction + difference * difference;
  }
  const T per_item = T(1.0 / static_cast<double>(n));
  if (!hopwise) reconstruction = reconstruction * per_item;
  return T(config.reconstruction_weight) * reconstruction + quantize * per_item;
}

// The derivative of the surrogate by one parameter, exactly: one evaluation for each element.
inline Eigen::MatrixXd Gradient(const ModelConfig& config, const Parameters<Dual>& p, const Array<Dual>& x,
                                const Frozen& f, const std::string& name) {
  Parameters<Dual> moved = p;
  Array<Dual>& a = moved.at(name);
  Eigen::MatrixXd out(a.rows, a.cols);
  for (Index i = 0; i < a.rows; ++i) {
    for (Index j = 0; j < a.cols; ++j) {
      a(i, j).derivative = 1;
      out(i, j) = Surrogate(config, moved, x, f).derivative;
      a(i, j).derivative = 0;
    }
  }
  return out;
}

// The same by central differences.
inline Eigen::MatrixXd FiniteDifferences(const ModelConfig& config, const Parameters<double>& p, const Array<double>& x,
                                         const Frozen& f, const std::string& name, double h = 1e-5) {
  Parameters<double> moved = p;
  Array<double>& a = moved.at(name);
  Eigen::MatrixXd out(a.rows, a.cols);
  for (Index i = 0; i < a.rows; ++i) {
    for (Index j = 0; j < a.cols; ++j) {
      const double start = a(i, j);
      a(i, j) = start + h;
      const double up = Surrogate(config, moved, x, f);
      a(i, j) = start - h;
      out(i, j) = (up - Surrogate(config, moved, x, f)) / (2 * h);
      a(i, j) = start;
    }
  }
  return out;
}

}  // namespace rqvae::oracle

#endif  // RQVAE_TESTS_ORACLE_H_
