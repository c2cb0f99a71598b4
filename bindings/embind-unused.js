// What embind prepares for every program and this one's binding has no use for: wide strings, 64-bit integers, derived classes, smart
// pointers, and handles that are copied, compared or deleted later. Left out here, it stays out of the glue.
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
  // A pointer without a derived class behind it is a handle of its own class.
  $RegisteredPointer_fromWireType: function (ptr) {
    return ptr ? makeClassHandle(this.registeredClass.instancePrototype, { ptrType: this, ptr }) : null;
  },
  $RegisteredPointer_fromWireType__deps: ["$makeClassHandle"],
  $init_ClassHandle: () => {
    ClassHandle.prototype.delete = function () {
      if (!this.$$.ptr) throwInstanceAlreadyDeleted(this);
      detachFinalizer(this);
      releaseClassHandle(this.$$);
      this.$$.ptr = undefined;
    };
  },
  $init_ClassHandle__deps: ["$ClassHandle", "$throwInstanceAlreadyDeleted", "$releaseClassHandle", "$detachFinalizer"],
});
