#include "schedule.h"

#include <algorithm>
#include <cmath>

namespace rqvae {

double RateScale(Schedule schedule, double warmup, int64_t step, int64_t total) {
  constexpr double kPi = 3.14159265358979323846;
  const auto all = static_cast<double>(total), at = static_cast<double>(step);
  const double rising = std::floor(warmup * all);
  if (at < rising) return (at + 1) / rising;
  const double t = (at - rising) / std::max(1.0, all - rising);
  switch (schedule) {
    case Schedule::kConstant:
      return 1.0;
    case Schedule::kCosine:
      return 0.5 * (1 + std::cos(kPi * t));
    case Schedule::kLinear:
      return 1 - t;
  }
  return 1.0;
}

}  // namespace rqvae
