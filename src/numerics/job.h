// A long computation in slices: the page, the worker, Node and the tests drive the same one.
//
// Advance() does one slice (a block of kRowBlock rows, some rows of a product, ...): a few milliseconds, and nothing
// that grows with the catalogue but the copies of its lists. A block of rows through very wide layers takes as long as
// it takes. How many slices a caller takes in one go never changes a result. A job that is dropped before it is done
// leaves the model as its class says.
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
