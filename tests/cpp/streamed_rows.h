// Driving a job whose rows are streamed, as a binding does.
#ifndef RQVAE_TESTS_STREAMED_ROWS_H_
#define RQVAE_TESTS_STREAMED_ROWS_H_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "job.h"
#include "row_source.h"

namespace rqvae {

// How much was fetched.
struct Fetches {
  Index times = 0;
  Index rows = 0;
  Index most = 0;      // rows at a time
  Index foreseen = 0;  // times that the fetch before had told the rows of
  std::vector<uint32_t> next;
};

// Fetches what a Read missed from where the rows are.
inline void Fetch(StreamedRows& rows, const Matrix& data, Fetches& fetches) {
  float* values = rows.MakeRoom();
  for (const uint32_t id : rows.row_ids()) values = std::copy_n(data.row(id).data(), data.cols(), values);
  const auto count = static_cast<Index>(rows.row_ids().size());
  ++fetches.times;
  if (rows.row_ids() == fetches.next) ++fetches.foreseen;
  fetches.next = rows.foreseen();
  fetches.rows += count;
  fetches.most = std::max(fetches.most, count);
}

// One slice, with what it takes to do it.
inline bool AdvanceStreamed(Job& job, StreamedRows& rows, const Matrix& data, Fetches& fetches) {
  for (;;) {
    try {
      return job.Advance();
    } catch (const RowsMissing&) {
      Fetch(rows, data, fetches);
    }
  }
}

inline Fetches RunStreamed(Job& job, StreamedRows& rows, const Matrix& data) {
  Fetches fetches;
  while (AdvanceStreamed(job, rows, data, fetches)) {
  }
  return fetches;
}

}  // namespace rqvae

#endif  // RQVAE_TESTS_STREAMED_ROWS_H_
