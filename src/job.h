// A long computation in slices: the page, the worker, Node and the tests drive the same one.
//
// Advance() does one slice (a block of kRowBlock rows, one k-means++ centre, ...): a few milliseconds where the shapes
// allow; PCA's iterations, k-means updates and whole-catalogue counts are one slice each and grow with the sizes. How
// many slices a caller takes in one go never changes a result. A job that is dropped before it is done leaves the model
// as its class says.
#ifndef RQVAE_JOB_H_
#define RQVAE_JOB_H_

#include "matrix.h"

namespace rqvae {

class Job {
 public:
  virtual ~Job() = default;
  // Does one slice. Returns false when there was nothing left to do.
  virtual bool Advance() = 0;
};

inline void RunToEnd(Job& job) {
  while (job.Advance()) {
  }
}

}  // namespace rqvae

#endif  // RQVAE_JOB_H_
