// The 64-bit hash of checksums and fingerprints: eight interleaved FNV-1a lanes (FNV-1a is by Fowler, Noll & Vo) over
// 64-bit little-endian words, folded by splitmix64's finaliser. It detects damage but does not protect against forgery.
#ifndef RQVAE_HASH_H_
#define RQVAE_HASH_H_

#include <cstddef>
#include <cstdint>

namespace rqvae {

// splitmix64's finaliser (Steele et al. 2014).
uint64_t Mix(uint64_t x);

uint64_t HashBytes(const void* data, size_t size, uint64_t seed = 0);

}  // namespace rqvae

#endif  // RQVAE_HASH_H_
