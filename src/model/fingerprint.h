// Tells the IDs of two models apart.
#ifndef RQVAE_FINGERPRINT_H_
#define RQVAE_FINGERPRINT_H_

#include <cstdint>

#include "model.h"

namespace rqvae {

// 64-bit hash over the numerics version and everything that an ID depends on: input statistics, encoder, codebooks. It
// leaves the decoder out, so that a model and its encoder part have one fingerprint.
uint64_t Fingerprint(const Model& model);

}  // namespace rqvae

#endif  // RQVAE_FINGERPRINT_H_
