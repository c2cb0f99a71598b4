// The objective once more, in double precision and naive loops, for any scalar type: the oracle of
// the gradients.
//
// Surrogate() is the loss in which every sg(.) and every code k_l is a constant, frozen at theta_0:
//   L(theta) = w rec(dec(z + c), x~)
//            + sum_l ( w_c ||rho_l - C_l[k_l]||^2 + beta ||z - s_l - kappa_l||^2 )
// with c = sum q - z, rho_l = r_l, s_l = sum of q_m over m < l, kappa_l = q_l, all at theta_0. With
// CodebookGradient::kJoint the decoder's input is sum_l C_l[k_l] + z - z_0. With GradientEstimator::kRotation z moves
// it through J, the rotation and scaling that take z to sum q, frozen too: the input is c + J z with c = sum q - J z_0.
// Its value at theta_0 is the loss, and its ordinary derivative is the gradient that backward passes must give.
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

// Rows to mean 0 and variance 1, then gain and bias (m x 1 each).
template <typename T>
Array<T> LayerNorm(const Array<T>& x, const Array<T>& gain, const Array<T>& bias) {
  Array<T> out = x;
  const T features = T(static_cast<double>(x.cols));
  for (Index i = 0; i < x.rows; ++i) {
    T mean = T(0.0), variance = T(0.0);
    for (Index j = 0; j < x.cols; ++j) mean = mean + x(i, j) / features;
    for (Index j = 0; j < x.cols; ++j) variance = variance + (x(i, j) - mean) * (x(i, j) - mean) / features;
    for (Index j = 0; j < x.cols; ++j) {
      out(i, j) = (x(i, j) - mean) / Sqrt(variance + T(1e-5)) * gain(j, 0) + bias(j, 0);
    }
  }
  return out;
}

// PREFIX.network: Linear, then LayerNorm where there is one, and an activation per hidden layer, numbered as in a
// torch.nn.Sequential; PREFIX.skip beside it, or instead of it where the network would be linear too.
template <typename T>
Array<T> Network(const Parameters<T>& p, const std::string& prefix, const Array<T>& x, size_t hidden,
                 Activation activation) {
  if (hidden == 0 && p.count(prefix + ".skip.weight") > 0) {
    return Linear(x, p.at(prefix + ".skip.weight"), p.at(prefix + ".skip.bias"));
  }
  const bool layer_norm = p.count(prefix + ".network.1.weight") > 0;
  Array<T> h = x;
  for (size_t layer = 0, module = 0; layer <= hidden; ++layer) {
    auto parameter = [&](const char* tensor) { return p.at(prefix + ".network." + std::to_string(module) + tensor); };
    h = Linear(h, parameter(".weight"), parameter(".bias"));
    if (layer == hidden) break;
    ++module;
    if (layer_norm) {
      h = LayerNorm(h, parameter(".weight"), parameter(".bias"));
      ++module;
    }
    for (T& value : h.data) value = Activate(activation, value);
    ++module;
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
  const Array<T>&mean = p.at("input.mean"), &scale = p.at("input.scale");
  Array<T> out = x;
  for (Index i = 0; i < x.rows; ++i) {
    T length = T(1.0);
    if (p.count("input.norm") > 0) {
      T square = T(0.0);
      for (Index j = 0; j < x.cols; ++j) square = square + x(i, j) * x(i, j);
      length = Sqrt(square);
    }
    for (Index j = 0; j < x.cols; ++j) {
      out(i, j) = (x(i, j) / length - mean(j, 0)) / scale(scale.rows == 1 ? 0 : j, 0);
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

// The rotation and scaling that take row i of z_0 to that of sum q, written out: lambda (I - 2 s s^T + 2 u e^T).
inline Array<double> Rotation(const Frozen& f, Index row) {
  const Index d = f.z.cols;
  double z = 0, q = 0, s = 0;
  for (Index j = 0; j < d; ++j) z += f.z(row, j) * f.z(row, j);
  for (Index j = 0; j < d; ++j) q += f.sum(row, j) * f.sum(row, j);
  z = std::sqrt(z);
  q = std::sqrt(q);
  auto e = [&](Index j) { return f.z(row, j) / z; };
  auto u = [&](Index j) { return f.sum(row, j) / q; };
  for (Index j = 0; j < d; ++j) s += (e(j) + u(j)) * (e(j) + u(j));
  Array<double> out(d, d);
  for (Index i = 0; i < d; ++i) {
    for (Index j = 0; j < d; ++j) {
      const double reflection = 2 * (e(i) + u(i)) * (e(j) + u(j)) / s;
      out(i, j) = q / z * ((i == j ? 1 : 0) - reflection + 2 * u(i) * e(j));
    }
  }
  return out;
}

// 1 - cos of each row of y and x, summed.
template <typename T>
T CosineLoss(const Array<T>& y, const Array<T>& x) {
  T sum = T(0.0);
  for (Index i = 0; i < y.rows; ++i) {
    T dot = T(0.0), y_square = T(0.0), x_square = T(0.0);
    for (Index j = 0; j < y.cols; ++j) {
      dot = dot + y(i, j) * x(i, j);
      y_square = y_square + y(i, j) * y(i, j);
      x_square = x_square + x(i, j) * x(i, j);
    }
    sum = sum + T(1.0) - dot / (Sqrt(y_square) * Sqrt(x_square));
  }
  return sum;
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
        quantize = quantize + T(config.codebook_weight) * to_codebook * to_codebook +
                   T(config.commitment_weight) * to_encoder * to_encoder;
        sum(i, j) = sum(i, j) + code;
      }
    }
  }
  Array<T> input(n, d);
  for (Index i = 0; i < n; ++i) {
    const bool rotated = config.gradient_estimator == GradientEstimator::kRotation;
    const Array<double> rotation = rotated ? Rotation(f, i) : Array<double>();
    for (Index j = 0; j < d; ++j) {
      input(i, j) = config.codebook_gradient == CodebookGradient::kJoint ? sum(i, j) : T(f.sum(i, j));
      if (!rotated) {
        input(i, j) = input(i, j) + z(i, j) - T(f.z(i, j));
        continue;
      }
      for (Index k = 0; k < d; ++k) input(i, j) = input(i, j) + T(rotation(j, k)) * (z(i, k) - T(f.z(i, k)));
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
  if (config.reconstruction == Reconstruction::kCosine) {
    reconstruction = CosineLoss(y, target);
  } else {
    for (size_t i = 0; i < y.data.size(); ++i) {
      const T difference = y.data[i] - target.data[i];
      reconstruction = reconstruction + difference * difference;
    }
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
