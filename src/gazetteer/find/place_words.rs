//! Words that stand before and after the names of places. Phrases in small letters, parted by semicolons.

/// Organs of a unit of any level.
pub(super) const AUTHORITIES: &str = "\
    đảng bộ; chính quyền; ubnd; hđnd; mttq; ubmttq; ubmttq việt nam; mttq việt nam; ủy ban mttq; ủy ban mttq việt nam; \
    ủy ban nhân dân; hội đồng nhân dân; mặt trận tổ quốc; mặt trận tổ quốc việt nam; ủy ban mặt trận tổ quốc; ủy ban \
    mặt trận tổ quốc việt nam; công an; cảnh sát; ban chqs; bộ chqs; ban chỉ huy quân sự; bộ chỉ huy quân sự; bộ đội \
    biên phòng; bđbp; bộ chỉ huy bộ đội biên phòng; bộ chỉ huy bđbp; viện ksnd; vksnd; viện kiểm sát nhân dân; viện \
    kiểm sát; tòa án nhân dân; tòa án; tand; thanh tra; cục thuế; chi cục thuế; cục hải quan; cục thống kê; đoàn đbqh; \
    đoàn đại biểu quốc hội; đoàn đại biểu; ban quản lý; ubkt; lãnh đạo";

/// Offices: what they do stands between them and the unit.
pub(super) const OFFICES: &str = "\
    sở; cục; chi cục; phòng; kho bạc; ban; văn phòng; hạt kiểm lâm; trạm y tế; thuế";

/// Between a kind and a name.
pub(super) const ADJECTIVES: &str = "\
    miền núi; vùng cao; vùng sâu; vùng xa; vùng biên; biên giới; ven biển; ven đô; ngoại thành; nội thành; trung du; \
    đồng bằng; anh hùng; nghèo; trẻ; mới; kết nghĩa; du lịch; công nghiệp; đặc biệt khó khăn; thuần nông; lân cận; \
    giáp ranh; nông thôn mới; ntm; đảo; cảng; biển; ngã ba sông; quê hương; quê lúa; bạn; láng giềng; trọng điểm; vùng \
    lũ; ven sông; đô thị; cao nguyên; phía bắc; phía nam; mang tên bác";

/// Before a name: where, from where, to where; who lives there.
pub(super) const PLACES: &str = "\
    từ; về; đến; tới; lên; xuống; qua; sang; vào; ra; quê; quê ở; người; dân; nhân dân; người dân; bà con; đất; vùng; \
    vùng đất; miền; miền đất; địa bàn; khu vực; trung tâm; ngoại ô; nội thành; gần; khắp; quanh; toàn; thăm; rời; \
    giáp; đi; ngã ba; cửa ngõ; trên đất; trên địa bàn; ngược; xuôi; phía; quân và dân; cử tri; nông dân; đồng bào; \
    đảng viên; cán bộ; thanh niên; phụ nữ; tuổi trẻ; quê hương; mảnh đất; qua địa bàn; trở lại; quay lại; trở về; \
    hướng về; lãnh thổ; cách; ghé; giữa; nối; kết nối; nối liền; bên; tận; hạ lưu; thượng nguồn; ngoài; khỏi; trước \
    cửa; theo hướng; đoạn; miền núi; vùng núi; trung du; đồng bằng; huyện lỵ; đầu cầu; điểm cầu; chân đất; tỉnh nhà; \
    đất tổ; vùng đất tổ; quê hương đất tổ; miệt; cựu chiến binh; ngư dân; diêm dân; tiểu thương; đoàn viên; hội viên; \
    bà con nông dân; thị dân; trú tại; trú ở; ngụ tại; ngụ; trú; thường trú; tạm trú; đăng ký thường trú; sống ở; ghé \
    thăm; ghé qua; đặt chân đến; đặt chân tới; trung tâm thành phố; vùng biển; bờ biển; nội đô; ngoại vi; phía bắc; \
    phía nam; phía đông; phía tây; phía tây bắc; phía đông nam; phía đông bắc; phía tây nam; cuối; bầu trời; mảnh đất \
    anh hùng; vượt; đi qua; chạy qua; nhập thành; nhập lại thành; đổi thành; đổi tên thành; lập thành; hợp thành; \
    mang tên mới là";

/// A phrase about an organisation or a thing ends here, so that what follows is no part of its name.
pub(super) const STOPS: &str = "\
    trên; cho; đã; được; sẽ; đang; có; theo; khi; mà; nên; để; do; bởi; này; đó; kia; ấy; ngày; vừa; mới đây; thì; \
    cũng; không; nhờ; giúp; đưa; bán; chọn; đóng; làm; khám phá; tham quan; yêu; tổ chức; một; phối hợp; phối hợp với; \
    đầu tư; xây dựng; ủng hộ; hỗ trợ; tặng; mang; nếu; rồi; còn; riêng; vì; tuy; dù; nhưng; song; hôm nay; sau; trước; \
    bên cạnh; cùng lúc; mỗi; từng; chỉ; vẫn; lại; rất; đều; phải; cần; sau khi; vừa qua; mới; tháng";

/// What numbers after a kind may count.
pub(super) const COUNTED: &str = "\
    năm; tháng; ngày; tuần; giờ; người; hộ; đơn vị; lần; tỷ; triệu; nghìn; ha; km; m; mét; thôn; khu; xã; phường; học \
    sinh; đồng chí; đảng viên; tiêu chí; dự án; mô hình; điểm; trường; công trình; tổ; gia đình; cơ sở; doanh nghiệp; \
    trường hợp; ca; vụ; giải";

/// Phrases with a word in them that means something else alone.
pub(super) const PLAIN: &str = "\
    xã hội; làng xã; thị trường; môi trường; công trường; hội trường; lập trường; trường hợp; đội ngũ; nhu cầu; yêu \
    cầu; đường lối; đường dây; báo cáo; báo chí; báo động; hồ sơ; cam kết; cá nhân; bản thân; cơ bản; văn bản; nhà \
    nước; nhà ở; tổ quốc; tổ chức đảng; trung tâm chính trị; con người; con số; quê nhà; trạng thái; tình trạng; tác \
    động; hoạt động; lao động; vận động; chủ động; người lao động; phường hội; liên xã; tỉnh lỵ; tỉnh lị; quận công; \
    bệnh xã; trạm xá; hành chính; xã tắc; xã luận; tỉnh táo; bình tĩnh; cầu thủ trẻ; sở hữu; cơ sở; trụ sở; ban hành; \
    ban đầu; phòng chống; phòng ngừa; quốc phòng; phòng, chống; thanh niên việt nam; chợ búa; đất nước; rừng phòng \
    hộ; hai bên; xã viên; trong đó; ngoài ra; trước mắt; sau này; năm nay; đào tạo; bản sắc; bản đồ; bản tin; bản \
    lĩnh; bản quyền; đền bù; đền ơn; toàn cầu; cầu lông; cung cầu; giải quyết; giải phóng; giải pháp; giải trình; \
    giải đáp; giải ngân; giải tỏa; lý giải; hòa giải; trao giải; mặt trận; tập quán; trang trại; trang thiết bị; \
    trang bị; khoa học; hoa màu; bò sữa; tổ công tác; tổ tự quản; đường bộ; đường thủy; sân khấu; trận địa; đảo \
    chính; biển báo; khu dân cư mới; phố phường; cá thể; hội nghị; nông thôn; thôn quê; thôn xóm; bản án; bản chất; \
    bản thảo; bản kế hoạch; bản địa; nhật bản; xuất bản; tư bản; phiên bản; kịch bản; biên bản; căn bản; nguyên bản; \
    ấn bản; tổ tiên; giỗ tổ; quân đội; đội viên; thông báo; cảnh báo; dự báo; báo hiếu; tình báo; cáo báo; khí tượng; \
    khí tượng thủy văn; hiện tượng; ấn tượng; hình tượng; biểu tượng; quán triệt; tiệm cận; đình chỉ; trực tuyến; cá \
    cược; nhãn quan; chú trọng; chú ý; ghi chú; công cụ; dụng cụ; cụ thể; công bố; phân bố; tuyên bố; trẻ em; anh em; \
    cha mẹ; bố mẹ; con cháu; chính sách; danh sách; ngân sách; ngân sách nhà nước; hiệu quả; hiệu lực; hiệu ứng; khẩu \
    hiệu; tín hiệu; dấu hiệu; vô hiệu; hữu hiệu; tài hoa; tinh hoa; văn hoa; hoa kỳ; bãi bỏ; cam go; hoa hậu việt \
    nam; tập thể lãnh đạo; tập thể cán bộ; lan tỏa; khối lượng; khối tài sản; chính phủ; phủ sóng; phủ xanh; bao phủ; \
    phi chính phủ; thủ phủ; hành động; sinh động; lưu động; di động; tự động; năng động; xúc động; phát động; thành \
    phần; thành viên; thành tích; thành công; thành lập; hoàn thành; trở thành; hình thành; thành quả; thành tựu; \
    trưởng thành; thành thị; thành phố trực thuộc; thành lũy; lộ trình; hòn đá; tương lai; tương đương; tương trợ; \
    tương tác; tương ứng; tương đối; đối tượng chính sách; bài học; bài viết; bài toán; bài bản; bài trừ; triều \
    cường; thủy triều; viện dẫn; viện trợ; bệnh viện phí; đỉnh điểm; đỉnh cao; ngọn lửa; khối đại đoàn kết; vườn ươm; \
    đồn đoán; dòng tiền; dòng vốn; dòng người; dòng xe; ngựa xe; đồng thành; vận tải hành khách; vận tải hàng hóa; \
    lương thực thực phẩm; thư viện; pháp viện; nghị viện; bộ đội; tàu cá; tàu hàng; kinh tế; du lịch; thời tiết; nông \
    nghiệp; công nghiệp; giáo dục; y tế; thể thao; ngành; ngành giáo dục; ngành y tế; lực lượng; sinh viên; học sinh; \
    công nhân; giáo viên; doanh nghiệp; du khách; khách du lịch; dịch; giao thông; nghề nghiệp; lành nghề; than \
    phiền; hỏi han; học; học tập; đề nghị; giao; chỉ đạo; khen; khen thưởng; biểu dương; phong tỏa; kiểm tra; giám \
    sát; làm việc; chi viện; biến; đón; gọi; khảo sát; cấp; công nhận; phê bình; nhắc; nhắc nhở; thắng; quy hoạch; \
    phát triển; địa phương; đơn vị; cụm thi đua; khối thi đua; vùng dịch; ổ dịch; dân số; tuyên truyền; gửi; thấy; \
    coi; xem; mời; chúc mừng; tiếp giáp; cảm ơn; nhớ; thương; báo tin";
