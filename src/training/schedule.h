// How the learning rate changes over a training run.
#ifndef RQVAE_SCHEDULE_H_
#define RQVAE_SCHEDULE_H_

#include <cstdint>

namespace rqvae {

enum class Schedule { kConstant, kCosine, kLinear };

// The factor on the learning rate at a step, 0 <= step < total. It rises linearly over the warm-up (a share of all
// steps) and then follows the schedule; cosine (Loshchilov & Hutter 2017, without restarts) and linear fall to zero.
double RateScale(Schedule schedule, double warmup, int64_t step, int64_t total);

}  // namespace rqvae

#endif  // RQVAE_SCHEDULE_H_
