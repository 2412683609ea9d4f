// The stem of a SlowOnly network on keypoints: convolution, batch norm, ReLU and 3x3 max pooling, frame by frame, without
// the heatmap volume. A keypoint is a blob of a few pixels, the outer product of two short vectors, so the convolution is a
// sum of one small patch per keypoint. A frame's plane of responses stays in the cache, and is computed anew where it is
// needed again: that is cheaper than keeping it. pyskl/models/layers/blob_stem.py says what is computed.

#include "pool.h"

using namespace pyskl;

namespace {

// Write a plane of responses activated, and pooled where asked for.
template <typename Number>
void put(const Shape &s, const float *plane, Pool &pool, const float *scale, const float *shift, bool relu, Number *out) {
    const int64_t c = s.channels;
    if (!s.pool_stride) {
        for (int64_t p = 0; p < s.out_height * s.out_width; ++p)
#pragma omp simd
            for (int64_t k = 0; k < c; ++k) narrow(activate(plane[p * c + k], scale[k], shift[k], relu), out[p * c + k]);
        return;
    }
    int64_t seen = 0;
    for (int64_t y = 0; y < s.pool_height; ++y) {
        for (; seen < pool.last_row(y); ++seen) pool.along(plane, seen, scale, shift, relu);
        pool.down(y, out + y * s.pool_width * c);
    }
}

// Gradient of the activated plane from that of the output: to the first largest value of each window, as PyTorch does.
template <typename Number>
void unpool(const Shape &s, const float *plane, Pool &pool, const float *scale, const float *shift, bool relu,
            const Number *gradient, float *work) {
    const int64_t line = s.out_width * s.channels;
    if (!s.pool_stride) {
        for (int64_t i = 0; i < s.out_height * line; ++i) work[i] = widen(gradient[i]);
        return;
    }
    int64_t seen = 0, done = 0;
    for (int64_t y = 0; y < s.pool_height; ++y) {
        for (; seen < pool.last_row(y); ++seen) {
            pool.along(plane, seen, scale, shift, relu);
            pool.clear(seen);
        }
        pool.up(y, gradient + y * s.pool_width * s.channels);
        // Rows above the window of the next pooled row are complete.
        const int64_t complete = y + 1 < s.pool_height ? pool.first_row(y + 1) : s.out_height;
        for (; done < std::min(complete, seen); ++done) pool.spread(done, work + done * line);
    }
    for (; done < s.out_height; ++done) std::fill(work + done * line, work + (done + 1) * line, 0.f);
}

template <typename Number>
void forward(const Shape &s, const Blobs &blobs, const float *weights, const float *scale, const float *shift, bool relu,
             Number *out) {
    const int64_t size = s.out_height * s.out_width * s.channels;
    const int64_t written = s.pool_stride ? s.pool_height * s.pool_width * s.channels : size;
#pragma omp parallel num_threads(s.threads)
    {
        Frame frame(s);
        Pool pool(s);
        std::vector<float> plane(size);
#pragma omp for schedule(static)
        for (int64_t f = 0; f < s.frames; ++f) {
            frame.respond(blobs, f, weights, plane.data());
            put(s, plane.data(), pool, scale, shift, relu, out + f * written);
        }
    }
}

template <typename Number>
void backward(const Shape &s, const Blobs &blobs, const float *weights, const float *scale, const float *shift, bool relu,
              const Number *gradient, float *of_weights, float *of_responses, float *of_ones, double *sums, double *products) {
    const int64_t c = s.channels, size = s.out_height * s.out_width * c;
    const int64_t written = s.pool_stride ? s.pool_height * s.pool_width * c : size;
    const int64_t taps = s.keypoints * s.kernel * s.kernel, each = taps * (2 * c + 1);
    std::vector<float> partial(s.threads * each, 0.f);
    std::vector<double> statistics(s.threads * 2 * c, 0.0);
#pragma omp parallel num_threads(s.threads)
    {
        Frame frame(s);
        Pool pool(s);
        std::vector<float> plane(size), work(size), sum(c), product(c);
        float *mine = partial.data() + omp_get_thread_num() * each;
        double *counted = statistics.data() + omp_get_thread_num() * 2 * c;
#pragma omp for schedule(static)
        for (int64_t f = 0; f < s.frames; ++f) {
            frame.respond(blobs, f, weights, plane.data());
            unpool(s, plane.data(), pool, scale, shift, relu, gradient + f * written, work.data());
            for (int64_t y = 0; y < s.out_height; ++y) {
                std::fill(sum.begin(), sum.end(), 0.f);
                std::fill(product.begin(), product.end(), 0.f);
                for (int64_t x = 0; x < s.out_width; ++x) {
                    const int64_t at = (y * s.out_width + x) * c;
#pragma omp simd
                    for (int64_t k = 0; k < c; ++k) {
                        const bool masked = relu && !(activate(plane[at + k], scale[k], shift[k], true) > 0.f);
                        const float value = masked ? 0.f : work[at + k];
                        work[at + k] = value;
                        sum[k] += value;
                        product[k] += value * plane[at + k];
                    }
                }
                for (int64_t k = 0; k < c; ++k) counted[k] += sum[k], counted[c + k] += product[k];
            }
            frame.correlate(blobs, f, work.data(), mine);
            if (of_responses) {
                frame.correlate(blobs, f, plane.data(), mine + taps * c);
                frame.correlate_ones(blobs, f, mine + 2 * taps * c);
            }
        }
    }
    for (int64_t t = 0; t < s.threads; ++t) {
        const float *from = partial.data() + t * each;
        for (int64_t i = 0; i < taps * c; ++i) of_weights[i] += from[i];
        if (of_responses) {
            for (int64_t i = 0; i < taps * c; ++i) of_responses[i] += from[taps * c + i];
            for (int64_t i = 0; i < taps; ++i) of_ones[i] += from[2 * taps * c + i];
        }
        for (int64_t k = 0; k < c; ++k) {
            sums[k] += statistics[t * 2 * c + k];
            products[k] += statistics[t * 2 * c + c + k];
        }
    }
}

}  // namespace

extern "C" {

// sums, squares (channels) of the responses of all pixels of all frames
void blob_stem_statistics(const Shape *shape, const Blobs *blobs, const float *weights, double *sums, double *squares) {
    const Shape &s = *shape;
    const int64_t c = s.channels;
    std::vector<double> statistics(s.threads * 2 * c, 0.0);
#pragma omp parallel num_threads(s.threads)
    {
        Frame frame(s);
        std::vector<float> plane(s.out_height * s.out_width * c), sum(c), square(c);
        double *counted = statistics.data() + omp_get_thread_num() * 2 * c;
#pragma omp for schedule(static)
        for (int64_t f = 0; f < s.frames; ++f) {
            frame.respond(*blobs, f, weights, plane.data());
            for (int64_t y = 0; y < s.out_height; ++y) {
                std::fill(sum.begin(), sum.end(), 0.f);
                std::fill(square.begin(), square.end(), 0.f);
                for (int64_t x = 0; x < s.out_width; ++x) {
                    const float *from = plane.data() + (y * s.out_width + x) * c;
#pragma omp simd
                    for (int64_t k = 0; k < c; ++k) {
                        sum[k] += from[k];
                        square[k] += from[k] * from[k];
                    }
                }
                for (int64_t k = 0; k < c; ++k) counted[k] += sum[k], counted[c + k] += square[k];
            }
        }
    }
    for (int64_t t = 0; t < s.threads; ++t)
        for (int64_t k = 0; k < c; ++k) {
            sums[k] += statistics[t * 2 * c + k];
            squares[k] += statistics[t * 2 * c + c + k];
        }
}

void blob_stem_forward(const Shape *shape, const Blobs *blobs, const float *weights, const float *scale, const float *shift,
                       int relu, int bfloat16, void *out) {
    if (bfloat16)
        forward(*shape, *blobs, weights, scale, shift, relu, static_cast<uint16_t *>(out));
    else
        forward(*shape, *blobs, weights, scale, shift, relu, static_cast<float *>(out));
}

// With g the gradient of the normalised responses (after the ReLU's mask): of_weights = correlation with g, of_responses with
// the responses, of_ones with 1 (both null: not needed); sums and products (channels): of g and of g * response.
void blob_stem_backward(const Shape *shape, const Blobs *blobs, const float *weights, const float *scale, const float *shift,
                        int relu, int bfloat16, const void *gradient, float *of_weights, float *of_responses, float *of_ones,
                        double *sums, double *products) {
    if (bfloat16)
        backward(*shape, *blobs, weights, scale, shift, relu, static_cast<const uint16_t *>(gradient), of_weights, of_responses,
                 of_ones, sums, products);
    else
        backward(*shape, *blobs, weights, scale, shift, relu, static_cast<const float *>(gradient), of_weights, of_responses,
                 of_ones, sums, products);
}

}  // extern "C"
