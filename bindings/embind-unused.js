// What embind prepares for every program and this one's binding has no use for: wide strings, 64-bit integers, derived classes and smart
// pointers. Left empty, its JavaScript stays out of the glue.
addToLibrary({
  _embind_register_std_wstring: (_type, _charSize, _name) => {},
  _embind_register_std_wstring__deps: [],
  _embind_register_bigint: (_type, _name, _size, _minRange, _maxRange) => {},
  _embind_register_bigint__deps: [],
  $genericPointerToWireType: () => abort("embind: there are no smart pointers"),
  $genericPointerToWireType__deps: [],
  $upcastPointer: (pointer) => pointer,
  $upcastPointer__deps: [],
  $downcastPointer: (pointer) => pointer,
  $downcastPointer__deps: [],
  $getInheritedInstance: () => undefined,
  $getInheritedInstance__deps: [],
});
