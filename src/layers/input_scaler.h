// Shift and scale of the input: x~ = (x - mean) / scale, learned on the training set, saved with the model and undone
// on the way out.
//
//   kNone          x~ = x; there are no parameters
//   kCenter        scale is 1
//   kCommonScale   scale is one number, the root of the mean variance over all dimensions: distances keep their ratios
//   kPerDimension  scale is the standard deviation of each dimension
//   kL2            every row is divided by its length first (a zero row stays zero), then as kCommonScale. Unscale
//                  restores the typical length: the root of the mean squared length of the training rows.
//
// A scale of zero (a constant dimension, a catalogue of one point) counts as one.
#ifndef RQVAE_INPUT_SCALER_H_
#define RQVAE_INPUT_SCALER_H_

#include <vector>

#include "archive.h"
#include "parameter_store.h"

namespace rqvae {

enum class InputScaling { kNone, kCenter, kCommonScale, kPerDimension, kL2 };

class InputScaler {
 public:
  // Declares input.mean (D), input.scale (1, or D with kPerDimension) and with kL2 input.norm (1).
  InputScaler(ParameterStore& store, InputScaling scaling, Index input_dim);
  // Identity, until statistics are learned.
  void Initialize(ParameterStore& store) const;

  // items, scaled: n x D, which must not overlap.
  void Scale(const ParameterStore& store, const ConstMatrixRef& items, MatrixRef scaled) const;
  void Unscale(const ParameterStore& store, const ConstMatrixRef& scaled, MatrixRef items) const;

  bool learned() const { return mean_ >= 0; }  // whether there is anything to learn from data

  // Learning, in two passes over blocks of rows and in double: means first, then the variances around them.
  class Statistics {
   public:
    Statistics(InputScaling scaling, Index input_dim);
    void AddToMean(Matrix& block);  // may rescale the block's rows
    void FinishMean(Index rows);
    bool needs_variance() const;
    void AddToVariance(Matrix& block);
    void FinishVariance(Index rows);
    void Visit(Archive& archive);

   private:
    friend class InputScaler;
    InputScaling scaling_;
    double square_length_ = 0;  // l2: mean squared length of the rows
    std::vector<double> mean_;
    std::vector<double> variance_;  // per dimension
    std::vector<double> block_;
  };
  void Learn(ParameterStore& store, const Statistics& statistics) const;

 private:
  InputScaling scaling_;
  Index mean_ = -1;  // handles
  Index scale_ = -1;
  Index norm_ = -1;
};

}  // namespace rqvae

#endif  // RQVAE_INPUT_SCALER_H_
