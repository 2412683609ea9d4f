// What the kernels share: numbers in two formats, and threads.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

#ifdef _OPENMP
#include <omp.h>
#else
static inline int omp_get_thread_num() { return 0; }
#endif

namespace pyskl {

// bfloat16 is the upper half of a float32; rounded to nearest, ties to even.
static inline float widen(uint16_t half) {
    const uint32_t bits = static_cast<uint32_t>(half) << 16;
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

static inline float widen(float value) { return value; }

static inline void narrow(float value, uint16_t &half) {
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    const uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
    half = static_cast<uint16_t>(value != value ? 0x7fc0u : rounded);
}

static inline void narrow(float value, float &same) { same = value; }

}  // namespace pyskl
