#include "hash.h"

#include <cstring>

namespace rqvae {

uint64_t Mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

uint64_t HashBytes(const void* data, size_t size, uint64_t seed) {
  constexpr uint64_t kPrime = 0x100000001b3u;
  constexpr size_t kLaneCount = 8;  // independent chains: a single one would wait for each multiplication
  uint64_t lanes[kLaneCount];
  for (size_t i = 0; i < kLaneCount; ++i) lanes[i] = Mix(0xcbf29ce484222325u + seed + i);
  const unsigned char* p = static_cast<const unsigned char*>(data);
  size_t left = size;
  uint64_t words[kLaneCount];
  while (left > 0) {
    // The last, partial group is padded with zeros. The size goes into the result and tells padding from data.
    const size_t take = left < sizeof words ? left : sizeof words;
    if (take < sizeof words) std::memset(words, 0, sizeof words);
    std::memcpy(words, p, take);
    for (size_t i = 0; i < kLaneCount; ++i) {
      lanes[i] = (lanes[i] ^ words[i]) * kPrime;
      lanes[i] ^= lanes[i] >> 32;  // FNV's low bits never see the high ones
    }
    p += take;
    left -= take;
  }
  uint64_t hash = Mix(static_cast<uint64_t>(size) + 0x9e3779b97f4a7c15u);
  for (uint64_t lane : lanes) hash = Mix(hash ^ lane);
  return hash;
}

}  // namespace rqvae
