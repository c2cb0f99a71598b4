// A long computation in slices. The page, the worker, Node and the tests all drive the same jobs.
//
// Advance() does one slice, such as a block of kRowBlock rows: a few milliseconds of work. Only copies of the
// catalogue's lists make a slice grow with the catalogue; a block of rows through very wide layers may take longer. How
// many slices a caller does in one go never changes a result. Each job's class says in which state it leaves the model
// when it is dropped before it is done.
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
